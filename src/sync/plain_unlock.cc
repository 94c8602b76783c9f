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

// Asked for once: without it (an old kernel, a filter of system calls) no slot becomes plain.
bool has_barrier() noexcept {
  static const bool registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  return registered;
}

}  // namespace

void try_plain(const void* address) noexcept {
  const bool can = has_barrier();
  sema_queue q(address);
  unlock_slot(address).store(can && q.bucket_is_empty() ? plain : 0,
                             std::memory_order_relaxed);  // MO-1
}

void leave_plain(const void* address) noexcept {
  std::atomic<std::uint16_t>& slot = unlock_slot(address);
  const bool was_plain = slot.load(std::memory_order_relaxed) == plain;  // MO-1
  slot.store(0, std::memory_order_relaxed);                              // MO-1
  if (!was_plain) {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // MO-4
  } else if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) {
    fatal("membarrier() fails after it was registered: was the process forked without exec?");
  }
}

TAUT_NOINLINE void unlocked_unsure(lock_record& m) noexcept {
  const void* address = &m;  // m may be gone
  std::atomic_thread_fence(std::memory_order_seq_cst);  // MO-4
  if (TAUT_UNLIKELY(bucket_of(address).may_hold_waiters())) repair_unlock(m);
  std::atomic<std::uint16_t>& slot = unlock_slot(address);
  // Unlockers may lose each other's count; none makes the slot plain without its bucket's lock.
  const std::uint16_t seen = slot.load(std::memory_order_relaxed);  // MO-1
  if (seen + 1 < plain) {
    slot.store(static_cast<std::uint16_t>(seen + 1), std::memory_order_relaxed);  // MO-1
  } else if (seen != plain) {
    try_plain(address);
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
