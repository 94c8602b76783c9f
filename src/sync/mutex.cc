// SPDX-License-Identifier: Apache-2.0
// mutex: the exclusive lock of exclusive.h, with its owner checked.
//
// Memory order
//   MO-3  as in exclusive.h: a goroutine reads its own id in `owner` only when it stored it.
#include "taut/mutex.h"

#include "base/check.h"
#include "sync/exclusive.h"
#include "sync/sema_table.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

mutex::~mutex() {
  if (TAUT_UNLIKELY((record_.state.load() & exclusive::waiting) != 0) && has_waiters(&record_)) {
    fatal("a mutex was destroyed while a goroutine waits for it");
  }
}

void mutex::lock(detail::site where) {
  choice_point();
  lock_exclusive(record_, TAUT_LOCK_CALLER(where));
}

bool mutex::try_lock(detail::site where) noexcept {
  choice_point();
  return try_lock_exclusive(record_, TAUT_LOCK_CALLER(where));
}

void mutex::unlock() {
  choice_point();
  const std::uint64_t owner = record_.owner.load(std::memory_order_relaxed);  // MO-3
  if (TAUT_UNLIKELY(owner != current_owner())) {
    throw panic(owner == 0 ? "sync: unlock of unlocked mutex"
                           : "sync: unlock of a mutex that another goroutine holds");
  }
  unlock_exclusive(record_);
}

TAUT_END_NAMESPACE
