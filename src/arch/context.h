// SPDX-License-Identifier: Apache-2.0
// A machine context: what a switch saves, how one is made, and where its registers lie.
//
// A switch saves the registers that the ABI says a call preserves, and nothing else: the
// floating-point control words are the worker's, shared by its goroutines. About 3 ns. Saved at the
// stack pointer, upwards:
//   x86-64   r15 r14 r13 r12 rbx rbp rip
//   aarch64  x19..x28 x29 x30 d8..d15 (160 bytes; x30 is where it resumes)
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

extern "C" {
// Saves the caller's context, stores its stack pointer to *save, and continues the context whose
// stack pointer is `load`; there, taut_switch returns `argument`.
void* taut_switch(void** save, void* load, void* argument) noexcept;
// Where a new context begins: calls taut_context_main(argument of the switch), and ends every
// backtrace.
void taut_context_entry() noexcept;
// Defined by the scheduler. Never returns.
[[noreturn]] void taut_context_main(void* argument) noexcept;
}

TAUT_BEGIN_NAMESPACE
namespace rt {

// make_context() prepares a stack whose highest usable byte is below `top`; returns its stack
// pointer.
void* make_context(void* top) noexcept;

// Where a saved context will resume, and the frame pointer and stack pointer it will have then.
struct saved_registers {
  std::uintptr_t pc, sp, fp;
};
saved_registers registers_of(const void* saved_sp) noexcept;
// As above, of a copy of the saved area.
saved_registers registers_of(std::uintptr_t saved_sp, const std::byte* copy) noexcept;

#if defined(__x86_64__)
inline constexpr std::size_t context_size = 7 * 8;
#elif defined(__aarch64__)
inline constexpr std::size_t context_size = 160;
#else
#error "taut runs on x86-64 and aarch64"
#endif

}  // namespace rt
TAUT_END_NAMESPACE
