// SPDX-License-Identifier: Apache-2.0
// mutex: mutual exclusion between goroutines (and threads). Waiting parks the goroutine, never its
// worker.
//
//   taut::mutex m;
//   std::scoped_lock hold(m);
//
// Owned, as in C++: unlocking a mutex that another goroutine holds is misuse, which is what makes
// lock proofs exact; semaphore serves hand-over. Not recursive. Constant-initialised: usable as a
// global. Meets Lockable. lock() is not ended by a cancelled context.
#pragma once

#include "taut/detail/lock_record.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

TAUT_API void lock_mutex(lock_record& record, site where);
// The same for who calls from a header of the system.
TAUT_API void lock_mutex_in_guard(lock_record& record, site where);

}  // namespace detail

class mutex {
 public:
  constexpr mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  // One destroyed while somebody waits ends the process with a dump.
  TAUT_API ~mutex();

  // lock() blocks until the mutex is free. A waiter of more than 1 ms is served before newcomers
  // (starvation mode).
  [[gnu::always_inline]] void lock(detail::site where = detail::site::here()) {
    where.is_system() ? detail::lock_mutex_in_guard(record_, where)
                      : detail::lock_mutex(record_, where);
  }
  // try_lock() fails when the mutex is held or a starving waiter is due.
  [[nodiscard]] TAUT_API bool try_lock(detail::site where = detail::site::here()) noexcept;
  // unlock() gives it up. Throws panic: "sync: unlock of unlocked mutex", or "sync: unlock of a
  // mutex that another goroutine holds".
  TAUT_API void unlock();

 private:
  friend class condition;
  detail::lock_record record_;
};

TAUT_END_NAMESPACE
