// SPDX-License-Identifier: Apache-2.0
// Writes what mostly is there already, and so is read instead: a line that is not written stays in
// the caches of all who read it, and a store less waits for the next locked operation.
//
// Memory order
//   MO-1  relaxed: for diagnosis only. One writer at a time.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include "base/annotations.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

template <class T>
TAUT_ALWAYS_INLINE bool holds(const std::atomic<T>& a, T value) noexcept {
#if defined(__x86_64__) && !defined(TAUT_TSAN)
  // One instruction with its branch, which compilers do not make of an atomic load.
  static_assert(sizeof a == 8);
  asm goto("cmpq %1, %0\n\tjne %l2"
           :
           : "m"(a), "r"(std::bit_cast<std::uint64_t>(value))
           : "cc"
           : differs);
  return true;
differs:
  return false;
#else
  return a.load(std::memory_order_relaxed) == value;  // MO-1
#endif
}

// True if a holds value. Else value is what it differs by: both, exclusively or-ed.
TAUT_ALWAYS_INLINE bool holds_else_difference(const std::atomic<std::uint64_t>& a,
                                              std::uint64_t& value) noexcept {
#if defined(__x86_64__) && !defined(TAUT_TSAN)
  bool same;
  asm volatile("xorq %2, %0" : "+r"(value), "=@ccz"(same) : "m"(a));  // one instruction, as above
  return same;
#else
  value ^= a.load(std::memory_order_relaxed);  // MO-1
  return value == 0;
#endif
}

// Whether the lowest bit is set.
TAUT_ALWAYS_INLINE bool is_odd(const std::atomic<std::uint64_t>& a) noexcept {
#if defined(__x86_64__) && !defined(TAUT_TSAN)
  asm goto("testb $1, %0\n\tjz %l1" : : "m"(a) : "cc" : even);  // one instruction, as above
  return true;
even:
  return false;
#else
  return a.load(std::memory_order_relaxed) % 2 != 0;  // MO-1
#endif
}

template <class T>
TAUT_ALWAYS_INLINE void store_if_changed(std::atomic<T>& a, T value) noexcept {
  if (TAUT_UNLIKELY(!holds(a, value))) a.store(value, std::memory_order_relaxed);  // MO-1
}

}  // namespace rt
TAUT_END_NAMESPACE
