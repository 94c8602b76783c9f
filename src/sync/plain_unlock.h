// SPDX-License-Identifier: Apache-2.0
// Freeing a mutex by a plain store, when nobody was seen to wait for it: half the cost of lock and
// unlock is the second locked operation.
//
// The store may sit in the store buffer while a waiter still sees the mutex held, and it may wipe
// what the waiter set. So who begins to wait makes the kernel run a barrier on every CPU of the
// process (membarrier, 15 us), once: it takes the address's slot out of the plain way. There every
// unlock is followed by a barrier of its own, until the slot has seen so many of them that the
// kernel's is paid for.
//
//   unlocker                             waiter, its bucket locked
//   1 state = 0                          a slot leaves the plain way
//   2 slot is plain? then done           b membarrier, if it was plain; else a fence
//   3 fence                              c state: set waiting, if locked
//   4 bucket locked, or not empty?       d is queued; unlocks the bucket
//     then repair
//
// When 2 comes before the barrier, so does 1, and c sees the mutex free. Otherwise 2 sees a. Then,
// if c came before 1, 4 sees its bucket: the store may have wiped what c set, and repair_unlock()
// sets it again and wakes whom nobody else will. Slots are of a table, not of the mutex: whoever
// locks next may destroy it before 2.
//
// Invariants
//   A slot is plain at first, where the kernel has that barrier, and becomes plain again only with
//   its bucket locked and no waiter in it.   It leaves the plain way only with its bucket locked,
//   and the barrier is through before the bucket is unlocked.
//
// Memory order
//   MO-1  relaxed: slots; the barrier orders 1, 2 and a, c.
//   MO-2  release that frees the mutex. Pairs with MO-1 of exclusive.h.
//   MO-3  seq_cst fences: 3, between 1 and 4, and b, between the bucket's lock and c.
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

// How many more unlocks with nobody waiting until an address of this slot is plain again.
inline constexpr std::uint16_t plain = 0, patience = 1 << 15, never = 0xffff;
extern std::atomic<std::uint16_t> unlock_slots[sema_buckets];

inline std::atomic<std::uint16_t>& unlock_slot(const void* address) noexcept {
  return unlock_slots[bucket_index(address)];
}

// Makes the slot plain, if nobody waits there.
void try_plain(const void* address) noexcept;
// Step 4 failed. Touches m only when somebody is queued for it.
void repair_unlock(lock_record& m) noexcept;
// Steps a and b, for who is about to wait at the address. Its bucket is locked.
void leave_plain(const void* address) noexcept;

// Steps 3 and 4; counts for the slot.
void unlocked_unsure(lock_record& m) noexcept;

// The caller is the owner, and the state that it has seen says that nobody waits. No locked
// operation, if the slot is plain.
TAUT_ALWAYS_INLINE void unlock_plainly(lock_record& m) noexcept {
  const std::atomic<std::uint16_t>& slot = unlock_slot(&m);
  m.state.store(0, std::memory_order_release);  // MO-2
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (TAUT_UNLIKELY(slot.load(std::memory_order_relaxed) != plain)) unlocked_unsure(m);  // MO-1
}

}  // namespace rt
TAUT_END_NAMESPACE
