// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in plain_unlock.h: slots.
//   MO-2  as in plain_unlock.h: release that frees.
//   MO-3  relaxed: bits that say who waits, MO-4 of exclusive.h.
//   MO-4  as MO-3 in plain_unlock.h: fences.
#include "sync/plain_unlock.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

using namespace exclusive;

std::atomic<std::uint16_t> unlock_slots[sema_buckets];

namespace {

long membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

// Without it (an old kernel, a filter of system calls) no slot is ever plain. Before the program's
// own initializers, and so before any goroutine; with one thread it takes 3 us.
[[gnu::constructor(101)]] void ask_for_barrier() noexcept {
  if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0) return;
  for (auto& slot : unlock_slots) slot.store(never, std::memory_order_relaxed);  // MO-1
}

}  // namespace

void try_plain(const void* address) noexcept {
  sema_queue q(address);
  std::atomic<std::uint16_t>& slot = unlock_slot(address);
  if (slot.load(std::memory_order_relaxed) == never) return;                      // MO-1
  slot.store(q.bucket_is_empty() ? plain : patience, std::memory_order_relaxed);  // MO-1
}

void leave_plain(const void* address) noexcept {
  std::atomic<std::uint16_t>& slot = unlock_slot(address);
  const std::uint16_t left = slot.load(std::memory_order_relaxed);     // MO-1
  if (left != never) slot.store(patience, std::memory_order_relaxed);  // MO-1
  if (left != plain) {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // MO-4
  } else if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) {
    fatal("membarrier() fails after it was registered: was the process forked without exec?");
  }
}

TAUT_NOINLINE void unlocked_unsure(lock_record& m) noexcept {
  const void* address = &m;                             // m may be gone
  std::atomic_thread_fence(std::memory_order_seq_cst);  // MO-4
  if (TAUT_UNLIKELY(bucket_of(address).may_hold_waiters())) repair_unlock(m);
  std::atomic<std::uint16_t>& slot = unlock_slot(address);
  // Unlockers may lose each other's count; none makes the slot plain without its bucket's lock.
  const std::uint16_t left = slot.load(std::memory_order_relaxed);  // MO-1
  if (left == 1) {
    try_plain(address);
  } else if (left != plain && left != never) {
    slot.store(static_cast<std::uint16_t>(left - 1), std::memory_order_relaxed);  // MO-1
  }
}

TAUT_NOINLINE void repair_unlock(lock_record& m) noexcept {
  sema_queue q(&m);
  if (q.empty()) return;
  // Who holds it now, or is awake, sees to the rest.
  const std::uint64_t before = m.state.fetch_or(waiting, std::memory_order_relaxed);  // MO-3
  if (is_locked(before) || (before & woken) != 0) return;
  waiter* w = q.pop();
  goroutine* g = w == nullptr ? nullptr : w->g;
  const std::uint64_t gone = q.empty() ? waiting : 0;
  const std::uint64_t wakes = g == nullptr ? 0 : woken;
  std::uint64_t s = m.state.load(std::memory_order_relaxed);                                // MO-3
  while (!m.state.compare_exchange_weak(s, (s & ~gone) | wakes, std::memory_order_release,  // MO-2
                                        std::memory_order_relaxed)) {                       // MO-3
  }
  q.unlock();
  if (g != nullptr) ready(g);
}

}  // namespace rt
TAUT_END_NAMESPACE
