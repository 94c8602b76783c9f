// SPDX-License-Identifier: Apache-2.0
// The exclusive lock behind mutex and behind the writers of shared_mutex.
//
// Invariants, whenever the bucket of the record's address is unlocked
//   waiting is set exactly when somebody is queued (plain_unlock.h: or an unlock() that is not
//   through yet will set it).   starving is set only while somebody holds it.
//
// Two modes, as Go's mutex. Normal: unlock() frees the lock and wakes the first waiter, which
// competes with newcomers (they run already, so this is fast) and goes back to the front when it
// loses. A waiter that has waited over 1 ms without luck turns the lock starving: unlock() then
// hands it to the first waiter without freeing it. The lock turns normal when nobody is queued or
// who gets it waited less than 1 ms.
//
// unlock() frees the lock by its last access to the object, so whoever locks next may destroy it.
//
// Memory order
//   MO-1  acquire by the exchange that takes the lock. Pairs with MO-2.
//   MO-2  release by the exchange that frees it. Pairs with MO-1. A handed-over lock is published
//         by ready() instead.
//   MO-3  relaxed: the place of lock(), written by the owner; others read a hint. And a look at who
//         owns it: only the owner itself can read its own number there.
//   MO-4  relaxed: bits that say who waits; the bucket's lock orders them, or the exchange that
//         follows decides.
#pragma once

#include <cstdint>

#include "base/recording.h"
#include "sync/owner.h"
#include "taut/detail/lock_record.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

using detail::lock_record;
using detail::owner_of;
using detail::state_of;

// The state of a lock: its owner and these.
namespace exclusive {
inline constexpr std::uint64_t waiting = 1;   // somebody is queued
inline constexpr std::uint64_t woken = 2;     // somebody is awake and competes: unlock() need not
                                              // wake another
inline constexpr std::uint64_t starving = 4;  // newcomers queue; unlock() hands over
inline constexpr std::uint64_t bits = state_of(1) - 1;
constexpr bool is_locked(std::uint64_t state) noexcept { return owner_of(state) != 0; }
}  // namespace exclusive

void lock_exclusive_slow(lock_record& m, std::uint64_t me, site where);
// The profile mutex, if it is on, charges the caller for those who wait.
void unlock_exclusive_slow(lock_record& m) noexcept;

// Who called lock(): its place, and when that is a header of the system, the return address and the
// stack of the call, if known.
struct lock_caller {
  site where;
  std::uintptr_t address = 0;
  const std::uintptr_t* stack = nullptr;
};

// The caller of the function that this is written in.
#define TAUT_LOCK_CALLER(where)                                           \
  ::taut::rt::lock_caller {                                               \
    where, reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)), \
        static_cast<const std::uintptr_t*>(__builtin_dwarf_cfa())         \
  }

// A header of the system called: notes who called that.
void note_guard(lock_record& m, site where, std::uintptr_t address,
                const std::uintptr_t* stack) noexcept;

TAUT_ALWAYS_INLINE void note_place(lock_record& m, const lock_caller& by) noexcept {
  if constexpr (!records) return;
  m.where.store(by.where, std::memory_order_relaxed);  // MO-3
  if (by.where.is_system()) note_guard(m, by.where, by.address, by.stack);
}

TAUT_ALWAYS_INLINE void lock_exclusive(lock_record& m, const lock_caller& by) {
  const std::uint64_t me = current_owner();
  std::uint64_t unlocked = 0;
  if (TAUT_UNLIKELY(!m.state.compare_exchange_strong(unlocked, state_of(me),
                                                     std::memory_order_acquire,      // MO-1
                                                     std::memory_order_relaxed))) {  // MO-4
    lock_exclusive_slow(m, me, by.where);
  }
  note_place(m, by);
}

inline bool try_lock_exclusive(lock_record& m, const lock_caller& by) noexcept {
  const std::uint64_t me = current_owner();
  std::uint64_t s = m.state.load(std::memory_order_relaxed);  // MO-4
  while (!exclusive::is_locked(s) && (s & exclusive::starving) == 0) {
    if (m.state.compare_exchange_weak(s, s | state_of(me), std::memory_order_acquire,  // MO-1
                                      std::memory_order_relaxed)) {                    // MO-4
      note_place(m, by);
      return true;
    }
  }
  return false;
}

// The caller is the owner.
TAUT_ALWAYS_INLINE void unlock_exclusive(lock_record& m) noexcept {
  std::uint64_t alone = m.state.load(std::memory_order_relaxed) & ~exclusive::bits;        // MO-3
  if (TAUT_UNLIKELY(!m.state.compare_exchange_strong(alone, 0, std::memory_order_release,  // MO-2
                                                     std::memory_order_relaxed))) {        // MO-4
    unlock_exclusive_slow(m);
  }
}

}  // namespace rt
TAUT_END_NAMESPACE
