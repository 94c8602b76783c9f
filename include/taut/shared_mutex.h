// SPDX-License-Identifier: Apache-2.0
// shared_mutex: many readers or one writer. Waiting parks the goroutine, never its worker.
//
//   taut::shared_mutex m;
//   std::shared_lock read(m);      // or: std::unique_lock write(m);
//
// Writers come first: a waiting writer holds back new readers, and the readers that it held back go
// before the next writer. So a goroutine that holds the lock shared must not take it shared again:
// with a writer in between neither ever goes on, as in Go. Meets SharedLockable;
// constant-initialised. The write lock is owned. Waits are not ended by a cancelled context.
#pragma once

#include <atomic>
#include <cstdint>

#include "taut/detail/lock_record.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

class shared_mutex {
 public:
  constexpr shared_mutex() noexcept = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;
  // One destroyed while somebody waits ends the process with a message.
  TAUT_API ~shared_mutex();

  // lock() blocks until no writer and no reader holds it.
  TAUT_API void lock(detail::site where = detail::site::here());
  // try_lock() fails when anybody holds it.
  [[nodiscard]] TAUT_API bool try_lock(detail::site where = detail::site::here()) noexcept;
  // unlock() gives the write lock up. Throws panic: "sync: Unlock of unlocked RWMutex", or "sync:
  // Unlock of an RWMutex that another goroutine holds".
  TAUT_API void unlock();

  // lock_shared() blocks while a writer holds it or waits for it.
  TAUT_API void lock_shared(detail::site where = detail::site::here());
  // try_lock_shared() fails when a writer holds it or waits for it.
  [[nodiscard]] TAUT_API bool try_lock_shared(detail::site where = detail::site::here()) noexcept;
  // unlock_shared() gives one read lock up. Throws panic("sync: RUnlock of unlocked RWMutex").
  TAUT_API void unlock_shared();

 private:
  static constexpr int remembered = 4;

  detail::lock_record writer_;            // held by the writer while it waits for readers, too
  std::atomic<std::int32_t> readers_{0};  // that hold it or wait; less 2^30 while a writer holds or
                                          // waits for readers
  std::atomic<std::int32_t> leaving_{0};  // readers that the writer still waits for
  std::uint32_t admitted_ = 0;  // readers let in that did not begin to wait yet; guarded by the
                                // bucket of &admitted_
  std::uint32_t drained_ = 0;   // the last reader left before the writer began to wait; guarded by
                                // the bucket of &drained_
  // Some of the goroutines that hold it shared: a hint for diagnosis, not complete.
  std::atomic<std::uint64_t> reader_hints_[remembered] = {};
};

TAUT_END_NAMESPACE
