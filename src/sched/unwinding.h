// SPDX-License-Identifier: Apache-2.0
// Leaving a goroutine from the inside: goexit(), and a test's wish that every parked goroutine
// unwinds.
#pragma once

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct worker;

// What goexit() throws. No std::exception, and of no public type: nothing should catch it.
struct goexit_signal {};
[[noreturn]] void throw_goexit();

// Whether a test may ask parked goroutines to unwind: their waits are claimable then. Off outside
// tests.
bool unwinding_possible() noexcept;
void allow_unwinding(bool on) noexcept;

// yield() of the goroutine that w runs.
void yield_goroutine(worker* w) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
