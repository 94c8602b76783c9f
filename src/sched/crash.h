// SPDX-License-Identifier: Apache-2.0
// A fatal signal: SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT. What happened is written, every
// goroutine with it, and then the process dies of the signal as it would have, core file and all.
//
// The handler takes no lock and allocates nothing. Names of functions need both, so the watching
// thread writes them, while the crashed thread waits for it with a time limit; without its help
// the crashed thread writes modules and offsets.
#pragma once

#include <cstdint>

#include "arch/unwind.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct fatal_signal {
  int number = 0;
  int code = 0;                // siginfo's
  std::uintptr_t address = 0;  // of the fault
  frame_registers registers{};
  int worker = -1;              // index; -1: no worker's thread
  std::uint64_t goroutine = 0;  // 0: none
  bool stack_overflow = false;  // said already
};

// Installs the handlers where the program has none of its own; those that it had for SIGSEGV and
// SIGBUS are called for what is no stack overflow. `reports`: option handle_crash.
void install_crash_handlers(bool reports) noexcept;
// Every goroutine was written already: a signal that follows writes nothing.
void dump_is_written() noexcept;
// Whether there is a thread in this process that calls help_with_crash_report() when woken.
void set_crash_help(bool there) noexcept;
// Called by that thread, first.
void begin_crash_help() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
