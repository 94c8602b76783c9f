// SPDX-License-Identifier: Apache-2.0
// Leaving a goroutine from the inside: goexit(), and a test's wish that every parked goroutine
// unwinds.
//
// Memory order
//   MO-1  relaxed: set before the goroutines that it concerns exist.
#pragma once

#include <atomic>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct worker;

// What goexit() throws. No std::exception, and of no public type: nothing should catch it.
struct goexit_signal {};
[[noreturn]] void throw_goexit();

// Whether a test may ask parked goroutines to unwind: their waits are claimable then. Off outside
// tests.
extern std::atomic<bool> may_unwind;
inline bool unwinding_possible() noexcept {
  return may_unwind.load(std::memory_order_relaxed);  // MO-1
}
void allow_unwinding(bool on) noexcept;

// yield() of the goroutine that w runs.
void yield_goroutine(worker* w) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
