// SPDX-License-Identifier: Apache-2.0
// mutex: the exclusive lock of exclusive.h, with its owner checked.
//
// Memory order
//   MO-1  as in exclusive.h: acquire that takes the lock.
//   MO-3  as in exclusive.h: a goroutine reads its own id in `owner` only when it stored it.
//   MO-4  as in exclusive.h: who waits.
//   MO-5  relaxed: the flag of choice points, as in park.h.
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
TAUT_NOINLINE void lock_unusual(detail::lock_record& record, const char* file, std::uint32_t line,
                                std::uintptr_t address) {
  choice_point();
  lock_exclusive(record, {{file, line}, address});
}
TAUT_NOINLINE void note_unusual(detail::lock_record& record, const char* file, std::uint32_t line,
                                std::uintptr_t address) {
  note_owner(record, current_owner(), {{file, line}, address});
}
TAUT_NOINLINE void unlock_unusual(detail::lock_record& record) {
  choice_point();
  const std::uint64_t owner = record.owner.load(std::memory_order_relaxed);  // MO-3
  if (TAUT_UNLIKELY(owner != current_owner())) {
    throw panic(owner == 0 ? "sync: unlock of unlocked mutex"
                           : "sync: unlock of a mutex that another goroutine holds");
  }
  unlock_exclusive(record);
}

}  // namespace
}  // namespace rt

void mutex::lock(detail::site where) {
  const auto address = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  std::uint32_t unlocked = 0;
  // Who locks is found out after the exchange, which would wait for it.
  if (TAUT_LIKELY(!choice_points_on.load(std::memory_order_relaxed) &&  // MO-5
                  record_.state.compare_exchange_strong(unlocked, exclusive::locked,
                                                        std::memory_order_acquire,      // MO-1
                                                        std::memory_order_relaxed))) {  // MO-4
    const std::uint64_t me = running_id();
    if (TAUT_LIKELY(me != 0)) return note_owner(record_, me, {where, address});
    return note_unusual(record_, where.file, where.line, address);
  }
  lock_unusual(record_, where.file, where.line, address);
}

bool mutex::try_lock(detail::site where) noexcept {
  choice_point();
  return try_lock_exclusive(record_, TAUT_LOCK_CALLER(where));
}

void mutex::unlock() {
  const std::uint64_t me = running_id();
  if (TAUT_UNLIKELY(choice_points_on.load(std::memory_order_relaxed) || me == 0 ||  // MO-5
                    record_.owner.load(std::memory_order_relaxed) != me)) {         // MO-3
    return unlock_unusual(record_);
  }
  unlock_plainly(record_);
}

TAUT_END_NAMESPACE
