// SPDX-License-Identifier: Apache-2.0
// A counter with one writer needs no locked operation, and one instruction is enough.
//
// Memory order
//   MO-1  relaxed: the writer's own count; readers see some recent one.
//   MO-2  release: what was written before is seen by who acquires the new count.
#pragma once

#include <atomic>

#include "base/annotations.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

template <class T>
TAUT_ALWAYS_INLINE void count_up(std::atomic<T>& n) noexcept {
#if defined(__x86_64__) && !defined(TAUT_TSAN)
  static_assert(sizeof n == 8 || sizeof n == 4);
  if constexpr (sizeof n == 8) {
    asm("addq $1, %0" : "+m"(n)::"cc");
  } else {
    asm("addl $1, %0" : "+m"(n)::"cc");
  }
#else
  n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // MO-1
#endif
}

// The same, after everything that was written before.
template <class T>
TAUT_ALWAYS_INLINE void count_up_release(std::atomic<T>& n) noexcept {
#if defined(__x86_64__) && !defined(TAUT_TSAN)
  asm volatile("" ::: "memory");  // the processor keeps stores in order
  count_up(n);
#else
  n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_release);  // MO-1, MO-2
#endif
}

}  // namespace rt
TAUT_END_NAMESPACE
