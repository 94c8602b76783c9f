// SPDX-License-Identifier: Apache-2.0
// A goroutine that used up its stack touches the guard page: named, never silent.
#pragma once

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct worker;

// Installs the process's SIGSEGV and SIGBUS handler, once. Faults outside guard pages go to the
// handler that was there before.
void install_overflow_handler() noexcept;
// Gives the calling thread an alternate signal stack, on which the handler runs; and takes it back.
void* install_signal_stack() noexcept;
void remove_signal_stack(void* stack) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
