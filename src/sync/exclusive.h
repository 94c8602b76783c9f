// SPDX-License-Identifier: Apache-2.0
// The exclusive lock behind mutex and behind the writers of shared_mutex.
//
// Invariants, whenever the bucket of the record's address is unlocked
//   waiting is set exactly when somebody is queued (plain_unlock.h: or an unlock() that is not
//   through yet will set it).   starving is set only while locked is.
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
//   MO-3  relaxed: the owner and its place, written by the owner; others read a hint. Only the
//         owner itself can read its own id there.
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

namespace exclusive {
inline constexpr std::uint32_t locked = 1;
inline constexpr std::uint32_t waiting = 2;  // somebody is queued
inline constexpr std::uint32_t woken = 4;  // somebody is awake and competes: unlock() need not wake
                                           // another
inline constexpr std::uint32_t starving = 8;  // newcomers queue; unlock() hands over
}  // namespace exclusive

void lock_exclusive_slow(lock_record& m, site where);
// The profile mutex, if it is on, charges the caller for those who wait.
void unlock_exclusive_slow(lock_record& m) noexcept;

// Who called lock(): its place and its return address, if known.
struct lock_caller {
  site where;
  std::uintptr_t address = 0;
};

// The caller of the function that this is written in.
#define TAUT_LOCK_CALLER(where) \
  ::taut::rt::lock_caller { where, reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) }

// A guard of the standard library called: its place says nothing, its callers may.
TAUT_ALWAYS_INLINE bool is_system_place(site where) noexcept {
  const char* f = where.file;
  return f != nullptr && f[0] == '/' && f[1] == 'u' && f[2] == 's' && f[3] == 'r' && f[4] == '/' &&
         (f[5] == 'i' || f[5] == 'l');
}
// Notes who called the guard that called lock(), which returns to `address`.
void note_callers(lock_record& m, std::uintptr_t address) noexcept;

TAUT_ALWAYS_INLINE void note_owner(lock_record& m, std::uint64_t me,
                                   const lock_caller& by) noexcept {
  m.owner.store(me, std::memory_order_relaxed);  // MO-3
  if constexpr (!records) return;
  m.callers[0].store(by.address, std::memory_order_relaxed);  // MO-3
  if (is_system_place(by.where)) return note_callers(m, by.address);
  m.file.store(by.where.file, std::memory_order_relaxed);  // MO-3
  m.line.store(by.where.line, std::memory_order_relaxed);  // MO-3
}

TAUT_ALWAYS_INLINE void lock_exclusive(lock_record& m, const lock_caller& by) {
  std::uint32_t unlocked = 0;
  if (TAUT_UNLIKELY(!m.state.compare_exchange_strong(unlocked, exclusive::locked,
                                                     std::memory_order_acquire,      // MO-1
                                                     std::memory_order_relaxed))) {  // MO-4
    lock_exclusive_slow(m, by.where);
  }
  note_owner(m, current_owner(), by);
}

inline bool try_lock_exclusive(lock_record& m, const lock_caller& by) noexcept {
  std::uint32_t s = m.state.load(std::memory_order_relaxed);  // MO-4
  while ((s & (exclusive::locked | exclusive::starving)) == 0) {
    if (m.state.compare_exchange_weak(s, s | exclusive::locked, std::memory_order_acquire,  // MO-1
                                      std::memory_order_relaxed)) {                         // MO-4
      note_owner(m, current_owner(), by);
      return true;
    }
  }
  return false;
}

// The caller is the owner.
TAUT_ALWAYS_INLINE void unlock_exclusive(lock_record& m) noexcept {
  m.owner.store(0, std::memory_order_relaxed);  // MO-3
  std::uint32_t alone = exclusive::locked;
  if (TAUT_UNLIKELY(!m.state.compare_exchange_strong(alone, 0, std::memory_order_release,  // MO-2
                                                     std::memory_order_relaxed))) {        // MO-4
    unlock_exclusive_slow(m);
  }
}

}  // namespace rt
TAUT_END_NAMESPACE
