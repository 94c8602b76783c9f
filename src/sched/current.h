// SPDX-License-Identifier: Apache-2.0
// Who am I: the worker of this thread, the goroutine it runs. The only thread-local of the library
// lives behind this file.
//
// A goroutine may be on another thread after any switch, and compilers keep thread-local addresses
// across calls. So the word is read by a volatile instruction that no compiler hoists or merges;
// never keep its result across anything that can park.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/annotations.h"
#include "taut/export.h"

extern "C" {
struct taut_thread_block {
  void* worker;                      // the runtime's worker of this thread, or nullptr
  void* thread;                      // the stand-in goroutine of a foreign thread, or nullptr
  std::atomic<std::uint64_t> owner;  // the state of a lock that its goroutine takes: worker.h
};
}

TAUT_BEGIN_NAMESPACE
namespace rt {

struct worker;
struct goroutine;

// The calling thread's block. Two instructions on x86-64; a field of it is one more.
TAUT_ALWAYS_INLINE taut_thread_block* thread_block() noexcept {
#if defined(__x86_64__)
  std::uintptr_t base, offset;
  asm volatile("movq taut_this_thread@gottpoff(%%rip), %1\n\tmovq %%fs:0, %0"
               : "=r"(base), "=r"(offset)::"memory");
  return reinterpret_cast<taut_thread_block*>(base + offset);
#elif defined(__aarch64__)
  std::uintptr_t base, offset;
  asm volatile(
      "mrs %0, tpidr_el0\n\t"
      "adrp %1, :gottprel:taut_this_thread\n\t"
      "ldr %1, [%1, #:gottprel_lo12:taut_this_thread]"
      : "=&r"(base), "=&r"(offset)::"memory");
  return reinterpret_cast<taut_thread_block*>(base + offset);
#endif
}

// One word of it.
template <std::size_t offset>  // NOLINT(readability-identifier-naming): reads as a parameter
TAUT_ALWAYS_INLINE std::uint64_t thread_field() noexcept {
#if defined(__x86_64__)
  std::uintptr_t at;
  std::uint64_t value;
  asm volatile("movq taut_this_thread@gottpoff(%%rip), %0\n\tmovq %%fs:%c2(%0), %1"
               : "=&r"(at), "=r"(value)
               : "i"(offset)
               : "memory");
  return value;
#else
  return *reinterpret_cast<std::uint64_t*>(reinterpret_cast<char*>(thread_block()) + offset);
#endif
}

// The worker of this thread; nullptr in a foreign thread.
#if defined(TAUT_TSAN)
// Out of line in current.cc, which is not instrumented: a thread's block is read from every
// goroutine it runs.
worker* current_worker() noexcept;
#else
TAUT_ALWAYS_INLINE worker* current_worker() noexcept {
  return reinterpret_cast<worker*>(thread_field<offsetof(taut_thread_block, worker)>());
}
#endif

// What worker::owner points to; in a foreign thread look_closer.
#if defined(TAUT_TSAN)
std::uint64_t thread_owner_state() noexcept;  // the same
#else
TAUT_ALWAYS_INLINE std::uint64_t thread_owner_state() noexcept {
  return thread_field<offsetof(taut_thread_block, owner)>();
}
#endif

// The goroutine that calls; in a foreign thread its stand-in, made at first use.
goroutine* current_goroutine() noexcept;
// As above, but nullptr in a foreign thread.
goroutine* current_goroutine_or_null() noexcept;

// Makes the calling thread a worker's; nullptr ends that.
void set_current_worker(worker* w) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
