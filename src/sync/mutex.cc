// SPDX-License-Identifier: Apache-2.0
// mutex: the exclusive lock of exclusive.h, with its owner checked.
//
// Memory order
//   MO-1  as in exclusive.h: acquire that takes the lock.
//   MO-3  as in exclusive.h: a goroutine reads its own number there only when it stored it.
//   MO-4  as in exclusive.h: who waits.
#include "taut/mutex.h"

#include "base/check.h"
#include "sync/exclusive.h"
#include "sync/plain_unlock.h"
#include "sync/sema_table.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

mutex::~mutex() {
  if (TAUT_UNLIKELY((record_.state.load() & exclusive::waiting) != 0) && has_waiters(&record_)) {
    fatal("a mutex was destroyed while a goroutine waits for it");
  }
}

namespace rt {
namespace {

// Apart from the usual case, and by values, so that this needs no registers saved.
TAUT_NOINLINE void lock_unusual(detail::lock_record& record, detail::site where,
                                std::uintptr_t address, const std::uintptr_t* stack) {
  choice_point();
  lock_exclusive(record, {where, address, stack});
}

// Locks it if it is free, in the usual case.
TAUT_ALWAYS_INLINE bool take(detail::lock_record& record) noexcept {
  const std::uint64_t mine = state_of_caller();
  std::uint64_t unlocked = 0;
  return TAUT_LIKELY(mine != look_closer &&
                     record.state.compare_exchange_strong(unlocked, mine,
                                                          std::memory_order_acquire,    // MO-1
                                                          std::memory_order_relaxed));  // MO-4
}
TAUT_NOINLINE void unlock_unusual(detail::lock_record& record) {
  choice_point();
  const std::uint64_t owner = owner_of(record.state.load(std::memory_order_relaxed));  // MO-3
  if (TAUT_UNLIKELY(owner != current_owner())) {
    throw panic(owner == 0 ? "sync: unlock of unlocked mutex"
                           : "sync: unlock of a mutex that another goroutine holds");
  }
  unlock_exclusive(record);
}

}  // namespace
}  // namespace rt

void detail::lock_mutex(lock_record& record, site where) {
  if (!take(record)) return lock_unusual(record, where, 0, nullptr);
  if constexpr (records) record.where.store(where, std::memory_order_relaxed);  // MO-3
}

void detail::lock_mutex_in_guard(lock_record& record, site where) {
  const lock_caller by = TAUT_LOCK_CALLER(where);
  if (!take(record)) return lock_unusual(record, where, by.address, by.stack);
  if constexpr (!records) return;
  record.where.store(where, std::memory_order_relaxed);  // MO-3
  note_guard(record, where, by.address, by.stack);
}

bool mutex::try_lock(detail::site where) noexcept {
  choice_point();
  return try_lock_exclusive(record_, TAUT_LOCK_CALLER(where));
}

void mutex::unlock() {
  // No state is look_closer.
  if (TAUT_UNLIKELY(record_.state.load(std::memory_order_relaxed) != state_of_caller())) {  // MO-3
    return unlock_unusual(record_);
  }
  unlock_plainly(record_);
}

TAUT_END_NAMESPACE
