// SPDX-License-Identifier: Apache-2.0
// Freeing a mutex by a plain store, while nobody contends for it: half the cost of lock and unlock
// is the second locked operation.
//
// The store may sit in the store buffer while a waiter still sees the mutex held, so who begins to
// wait makes the kernel run a barrier on every CPU of the process (membarrier, 15 us), once: it
// takes the address's slot out of the plain way, and every unlock there is an exchange again, until
// the slot has seen so many of them that the barrier is paid for.
//
//   unlocker                             waiter, its bucket locked
//   1 slot is plain?                     a slot leaves the plain way
//   2 state = 0                          b membarrier
//   3 slot still plain? else repair      c state: set waiting, if locked
//
// When 3 comes before the barrier, so does 2, and c sees the mutex free. Otherwise 3 sees a. The
// store may then have wiped what c set: repair_unlock() sets it again and wakes whom nobody else
// will. Slots are of a table, not of the mutex: whoever locks next may destroy it before 3.
//
// Invariants
//   A slot becomes plain only with its bucket locked and no waiter in it.   It leaves the plain way
//   only with its bucket locked, and the barrier is through before the bucket is unlocked.
//
// Memory order
//   MO-1  relaxed: slots; the barrier orders 2, 3 and a, c.
//   MO-2  release that frees the mutex. Pairs with MO-1 of exclusive.h.
//   MO-3  relaxed: the owner, and a look at the bits of the waiters: MO-3 and MO-4 of exclusive.h.
//
// Source        the asymmetric form of Dekker's handshake, with membarrier(2) on the rare side.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/annotations.h"
#include "sync/exclusive.h"
#include "sync/sema_table.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Exchanges seen since somebody waited at an address of this slot; that many: it is plain.
inline constexpr std::uint16_t plain = 1 << 15;
extern std::atomic<std::uint16_t> unlock_slots[sema_buckets];

inline std::atomic<std::uint16_t>& unlock_slot(const void* address) noexcept {
  return unlock_slots[bucket_index(address)];
}

// The slot has seen enough of them: makes it plain, if nobody waits there.
void try_plain(const void* address) noexcept;
// Step 3 failed. Touches m only when somebody is queued for it.
void repair_unlock(lock_record& m) noexcept;
// Steps a and b, for who is about to wait at the address. Its bucket is locked.
void leave_plain(const void* address) noexcept;

// With an exchange, which counts for the slot.
void unlock_counted(lock_record& m) noexcept;

// The caller is the owner. No locked operation, if the slot is plain.
TAUT_ALWAYS_INLINE void unlock_plainly(lock_record& m) noexcept {
  std::atomic<std::uint16_t>& slot = unlock_slot(&m);
  if (TAUT_UNLIKELY(slot.load(std::memory_order_relaxed) != plain ||                  // MO-1
                    m.state.load(std::memory_order_relaxed) != exclusive::locked)) {  // MO-3
    return unlock_counted(m);
  }
  m.owner.store(0, std::memory_order_relaxed);  // MO-3
  m.state.store(0, std::memory_order_release);  // MO-2
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (TAUT_UNLIKELY(slot.load(std::memory_order_relaxed) != plain)) repair_unlock(m);  // MO-1
}

}  // namespace rt
TAUT_END_NAMESPACE
