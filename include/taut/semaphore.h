// SPDX-License-Identifier: Apache-2.0
// semaphore: so many units of something may be held at once; each holder takes one or more.
//
//   taut::semaphore connections(16);
//   connections.acquire();
//   ...
//   connections.release();            // also by another goroutine: units have no owner
//
// Served in the order of arrival, without barging: a large request that waits holds back smaller
// ones behind it. Any goroutine or thread may call any function at once. A wait is ended by the
// goroutine's bound context, which throws taut::canceled; the form that takes a context returns
// result<void> and never throws canceled. Constant-initialised.
#pragma once

#include <atomic>
#include <cstdint>

#include "taut/detail/context_fwd.h"
#include "taut/detail/site.h"
#include "taut/export.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE

class semaphore {
 public:
  // semaphore(units) has all its units free. At most 2^62.
  constexpr explicit semaphore(std::uint64_t units) noexcept : units_(units), state_(units << 1) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  // One destroyed while somebody waits ends the process with a message.
  TAUT_API ~semaphore();

  // acquire(n) blocks until n units are free and nobody waits before it, and takes them. More units
  // than there are: blocks for ever.
  TAUT_API void acquire(std::uint64_t n = 1, detail::site where = detail::site::here());
  // As acquire, but gives up when ctx ends: errc::canceled or errc::deadline_exceeded. Fails at
  // once when ctx has ended, even if units are free.
  result<void> acquire(const context& ctx, std::uint64_t n = 1,
                       detail::site where = detail::site::here()) {
    return acquire_until(n, detail::node_of(ctx), where);
  }
  // try_acquire(n) fails when n units are not free, or somebody waits.
  [[nodiscard]] TAUT_API bool try_acquire(std::uint64_t n = 1) noexcept;
  // release(n) gives n units back. Does not block. Throws panic("semaphore: released more than
  // held").
  TAUT_API void release(std::uint64_t n = 1);

 private:
  TAUT_API result<void> acquire_until(std::uint64_t n, detail::context_node* context,
                                      detail::site where);

  const std::uint64_t units_;
  std::atomic<std::uint64_t> state_;  // free units, times two; bit 0: somebody is queued
};

TAUT_END_NAMESPACE
