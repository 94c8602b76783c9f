// SPDX-License-Identifier: Apache-2.0
// A goroutine that used up its stack touches the guard page: named, never silent.
#pragma once

#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct worker;

// Whether the address lies in a guard page of a goroutine's stack. Async-signal-safe, as is the
// next.
bool is_stack_guard(std::uintptr_t address) noexcept;
// Says whose stack it was and what to do.
void report_overflow(std::uintptr_t address) noexcept;
// Gives the calling thread an alternate signal stack, on which the handler runs; and takes it back.
void* install_signal_stack() noexcept;
void remove_signal_stack(void* stack) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
