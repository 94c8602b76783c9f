// SPDX-License-Identifier: Apache-2.0
// Program counters of a running, parked or interrupted context, by the call frame information that
// compilers always emit; no frame pointers needed. About 20 ns a frame.
//
// unwind() and unwind_copy() may be called from anywhere, signal handlers included: they take no
// lock, allocate nothing, and read only [bounds.low, bounds.high) and the loaded modules' own
// unwind tables. A damaged stack ends the walk with what was found.
//
//   auto here = rt::current_registers();
//   std::uintptr_t pcs[64];
//   std::size_t count = rt::unwind(here, {here.sp, stack_high}, pcs, 64);
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Where a context stands. `pc` is reported first.
struct frame_registers {
  std::uintptr_t pc, sp, fp;
  std::uintptr_t base = 0;  // rbx or x19, if known: only hand-written code finds its frame by it
  std::uintptr_t lr = 0;    // aarch64: x30, needed when interrupted in a function that calls none
  bool exact = true;        // pc is the next instruction; false: a return address, whose call it is
};

// The only memory that the walk may read.
struct stack_bounds {
  std::uintptr_t low, high;
};

// Writes up to `limit` program counters, leaf first, and returns how many. The first is from.pc;
// the others are return addresses, and one more than the interrupted address where a signal came
// in, so that "pc - 1" finds the right line for all of them.
// Ends at a frame whose return address is undefined, at the bounds, or where a module has no rules
// and the frame pointer does not lead to known code either.
std::size_t unwind(frame_registers from, stack_bounds bounds, std::uintptr_t* pcs,
                   std::size_t limit) noexcept;

// The same where the stack's bytes have been copied: [bounds.low, bounds.high) is read at `copy`.
std::size_t unwind_copy(frame_registers from, stack_bounds bounds, const std::byte* copy,
                        std::uintptr_t* pcs, std::size_t limit) noexcept;

// Reads the list of loaded modules, under the loader's lock, so that unwind() need not. Call it at
// start and after dlopen or dlclose; cheap when nothing changed. Code that no call has seen ends a
// walk. Not for signal handlers.
void refresh_modules() noexcept;

// The caller's own registers. What they describe holds until the caller returns.
[[gnu::always_inline]] inline frame_registers current_registers() noexcept {
  frame_registers here{};
#if defined(__x86_64__)
  asm volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2\n\tmov %%rbx, %3"
               : "=&r"(here.pc), "=&r"(here.sp), "=&r"(here.fp), "=&r"(here.base));
#elif defined(__aarch64__)
  asm volatile("adr %0, .\n\tmov %1, sp\n\tmov %2, x29\n\tmov %3, x19\n\tmov %4, x30"
               : "=&r"(here.pc), "=&r"(here.sp), "=&r"(here.fp), "=&r"(here.base), "=&r"(here.lr));
#endif
  return here;
}

}  // namespace rt
TAUT_END_NAMESPACE
