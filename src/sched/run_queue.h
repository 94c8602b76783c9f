// SPDX-License-Identifier: Apache-2.0
// A worker's queues of runnable goroutines.
//
//   run_queue    first in, first out: woken and yielded goroutines. The owner pushes, anybody pops.
//   fresh_queue  last in, first out for the owner: goroutines that never ran; thieves take the
//                oldest. Depth-first, so that a tree of goroutines finishes branch by branch on
//                warm stacks. (Chase and Lev 2005, fixed size.)
//
// Slots of popped goroutines are not wiped: both rings live in the worker's private mapping,
// outside what a leak scan reads.
//
// Memory order
//   MO-1  tail/bottom release: the slot is written before it is published. Pairs with MO-2.
//   MO-2  tail/bottom acquire by a taker. Pairs with MO-1.
//   MO-3  relaxed: the owner reads its own index; or a slot, whose use the CAS on head/top decides.
//   MO-4  head/top acquire: a slot is reused only after its taker has finished with it. Pairs with
//         the CAS (seq_cst) of the taker.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/annotations.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct goroutine;

class run_queue {
 public:
  static constexpr std::uint32_t capacity = 256;

  // Owner. False when full.
  bool push(goroutine* g) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);            // MO-3
    if (tail - head_.load(std::memory_order_acquire) >= capacity) return false;  // MO-4
    slots_[tail % capacity].store(g, std::memory_order_relaxed);                 // MO-3
    tail_.store(tail + 1, std::memory_order_release);                            // MO-1
    return true;
  }
  // Anybody.
  goroutine* pop() noexcept {
    std::uint32_t head = head_.load(std::memory_order_acquire);  // MO-4
    for (;;) {
      if (static_cast<std::int32_t>(tail_.load(std::memory_order_acquire) - head) <= 0)
        return nullptr;                                                        // MO-2
      goroutine* g = slots_[head % capacity].load(std::memory_order_relaxed);  // MO-3
      if (head_.compare_exchange_weak(head, head + 1)) return g;
    }
  }
  std::uint32_t size() const noexcept {
    const auto n = static_cast<std::int32_t>(tail_.load(std::memory_order_relaxed) -  // MO-3
                                             head_.load(std::memory_order_relaxed));  // MO-3
    return n > 0 ? static_cast<std::uint32_t>(n) : 0;
  }
  bool empty() const noexcept { return size() == 0; }

 private:
  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  alignas(64) std::atomic<goroutine*> slots_[capacity] = {};
};

class fresh_queue {
 public:
  static constexpr std::int64_t capacity = 2048;

  // Owner. False when full.
  bool push(goroutine* g) noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);          // MO-3
    if (bottom - top_.load(std::memory_order_acquire) >= capacity) return false;  // MO-4
    slots_[bottom % capacity].store(g, std::memory_order_relaxed);                // MO-3
    bottom_.store(bottom + 1, std::memory_order_release);                         // MO-1
    return true;
  }
  // Owner: the youngest. The seq_cst store of bottom and load of top decide between owner and thief
  // for the last one.
  goroutine* pop() noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;  // MO-3
    if (bottom < top_.load(std::memory_order_relaxed))
      return nullptr;  // MO-3: empty; top only grows
    bottom_.store(bottom);
    std::int64_t top = top_.load();
    goroutine* g = slots_[bottom % capacity].load(std::memory_order_relaxed);  // MO-3
    if (top < bottom) return g;
    if (top > bottom || !top_.compare_exchange_strong(top, top + 1)) g = nullptr;
    bottom_.store(bottom + 1, std::memory_order_release);  // MO-1
    return g;
  }
  // Anybody: the oldest.
  goroutine* steal() noexcept {
    std::int64_t top = top_.load();
    for (;;) {
      if (top >= bottom_.load()) return nullptr;
      goroutine* g = slots_[top % capacity].load(std::memory_order_relaxed);  // MO-3
      if (top_.compare_exchange_weak(top, top + 1)) return g;
    }
  }
  std::uint32_t size() const noexcept {
    const std::int64_t n = bottom_.load(std::memory_order_relaxed) -  // MO-3
                           top_.load(std::memory_order_relaxed);      // MO-3
    return n > 0 ? static_cast<std::uint32_t>(n) : 0;
  }
  bool empty() const noexcept { return size() == 0; }

 private:
  alignas(64) std::atomic<std::int64_t> top_{0};
  alignas(64) std::atomic<std::int64_t> bottom_{0};
  alignas(64) std::atomic<goroutine*> slots_[capacity] = {};
};

}  // namespace rt
TAUT_END_NAMESPACE
