// SPDX-License-Identifier: Apache-2.0
// Every goroutine that exists or existed: slabs of descriptors, each bound for life to one guarded
// stack, and the free ones by tiers.
//
//   worker cache    a few dozen, last in first out: the stack used last is warm in the caches
//   (sched/worker) warm            shared list: stacks with touched pages cold            shared
//   list: pages given back to the kernel unused          slots of the newest slab that nobody had
//   yet
//
// Descriptors are never unmapped, so a reader without a lock (a dump, a late waker) always reads a
// descriptor. for_each() sees every slot.
//
// Locks         rank::registry guards the lists and the slab table's growth.
//
// Memory order
//   MO-1  release of the slab count after the slab is complete. Pairs with MO-2.
//   MO-2  acquire by readers of the table. Pairs with MO-1.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arch/stack.h"
#include "base/lock.h"
#include "sched/goroutine.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Stack class c holds stacks of 16 KiB << c.
inline constexpr std::size_t least_stack = std::size_t{16} << 10;
inline constexpr int stack_classes = 16;
inline constexpr std::uint8_t no_stack_class = 255;  // stand-ins of threads

// The class whose stacks have at least `size` bytes; -1 when there is none.
int stack_class_for(std::size_t size) noexcept;

struct goroutine_slab {
  goroutine* descriptors = nullptr;
  stack_slab stacks;  // base is nullptr for stand-ins
  std::uint32_t count = 0;
  std::uint32_t first_slot = 0;
  std::atomic<std::uint32_t> used{0};  // slots handed out at least once
};

class registry {
 public:
  // Up to `wanted` idle descriptors of a class, as a list; nullptr without memory for one.
  goroutine* take(int stack_class, int wanted, int& got) noexcept;
  // Takes a list back. Their stacks stay warm.
  void give(goroutine* list, int stack_class) noexcept;
  // A descriptor for the stand-in of a thread.
  goroutine* take_thread() noexcept;
  void give_thread(goroutine* g) noexcept;

  // Gives pages of stacks that stayed unused since the last call back to the kernel. Called by the
  // watching thread, now and then.
  void trim() noexcept;

  template <class F>
  void for_each_slab(F&& f) const {
    const int n = slab_count_.load(std::memory_order_acquire);  // MO-2
    for (int i = 0; i < n; ++i) f(*slabs_[i].load());
  }
  template <class F>
  void for_each(F&& f) const {
    for_each_slab([&](const goroutine_slab& s) {
      const std::uint32_t used = s.used.load();
      for (std::uint32_t j = 0; j < used; ++j) f(s.descriptors[j]);
    });
  }
  // The slab whose stacks or guards contain the address, or nullptr. Async-signal-safe.
  const goroutine_slab* find_stack(std::uintptr_t address) const noexcept;

  // For the debug table: the slabs' addresses, and how many are in use.
  const std::atomic<goroutine_slab*>* slab_table() const noexcept { return slabs_; }
  const std::atomic<int>* slab_count() const noexcept { return &slab_count_; }

  struct counts {
    std::size_t warm, cold, slabs;
  };
  counts count() noexcept;

 private:
  static constexpr int max_slabs = 4096;
  struct pool {
    goroutine* warm = nullptr;
    goroutine* cold = nullptr;
    std::size_t warm_count = 0, cold_count = 0;
    std::size_t least_warm = 0;  // since the last trim()
    goroutine_slab* newest = nullptr;
    std::uint32_t next_count = 64;  // slots of the next slab
  };
  goroutine_slab* grow(pool& p, int stack_class) noexcept TAUT_REQUIRES(lock_);
  // Appends up to `wanted` that were never used, at least one unless there is no memory; moves end.
  int take_unused(pool& p, int stack_class, int wanted, goroutine**& end) noexcept
      TAUT_REQUIRES(lock_);

  lock lock_{rank::registry};
  pool pools_[stack_classes] TAUT_GUARDED_BY(lock_);
  pool threads_ TAUT_GUARDED_BY(lock_);
  std::uint32_t next_slot_ TAUT_GUARDED_BY(lock_) = 0;
  std::atomic<goroutine_slab*> slabs_[max_slabs] = {};
  std::atomic<int> slab_count_{0};
};

registry& the_registry() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
