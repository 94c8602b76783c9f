// SPDX-License-Identifier: Apache-2.0
// condition: waits until another goroutine says that something has changed.
//
//   std::unique_lock hold(m);
//   changed.wait(hold, [&] { return !queue.empty(); });
//   ...
//   { std::scoped_lock hold(m); queue.push(x); }
//   changed.signal();
//
// Waiters are served in the order they came and never wake without a signal, so each signal wakes
// exactly one. Any goroutine or thread may call any function at once; signal() and broadcast() need
// not hold the mutex. A wait is ended by the goroutine's bound context, which throws
// taut::canceled; the forms that take a context or a deadline return result<void> and never throw
// canceled. However a wait ends, it holds the mutex again. Constant-initialised.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "taut/detail/chrono.h"
#include "taut/detail/context_fwd.h"
#include "taut/detail/site.h"
#include "taut/detail/unique_lock.h"
#include "taut/export.h"
#include "taut/mutex.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE

class condition {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  constexpr condition() noexcept = default;
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;
  // One destroyed while somebody waits ends the process with a message.
  TAUT_API ~condition();

  // wait() unlocks m, blocks until signalled, and locks m again. Throws panic when the caller does
  // not hold m.
  TAUT_API void wait(mutex& m, detail::site where = detail::site::here());
  void wait(std::unique_lock<mutex>& hold, detail::site where = detail::site::here()) {
    wait(*hold.mutex(), where);
  }
  // Waits until the predicate, called with m held, is true.
  template <class Lock, class Predicate>
    requires std::is_invocable_r_v<bool, Predicate&>
  void wait(Lock& hold, Predicate holds, detail::site where = detail::site::here()) {
    while (!holds()) wait(hold, where);
  }

  // As wait, but gives up at the deadline: errc::deadline_exceeded.
  result<void> wait_until(mutex& m, time_point deadline,
                          detail::site where = detail::site::here()) {
    return wait_until(m, nullptr, false, &deadline, where);
  }
  result<void> wait_until(std::unique_lock<mutex>& hold, time_point deadline,
                          detail::site where = detail::site::here()) {
    return wait_until(*hold.mutex(), deadline, where);
  }
  // As above, until the predicate is true; success whenever it is, also at the deadline.
  template <class Lock, class Predicate>
    requires std::is_invocable_r_v<bool, Predicate&>
  result<void> wait_until(Lock& hold, time_point deadline, Predicate holds,
                          detail::site where = detail::site::here()) {
    return repeat([&] { return wait_until(hold, deadline, where); }, holds);
  }

  // As wait, but gives up when ctx ends: errc::canceled or errc::deadline_exceeded.
  result<void> wait(const context& ctx, mutex& m, detail::site where = detail::site::here()) {
    return wait_until(m, detail::node_of(ctx), true, nullptr, where);
  }
  result<void> wait(const context& ctx, std::unique_lock<mutex>& hold,
                    detail::site where = detail::site::here()) {
    return wait(ctx, *hold.mutex(), where);
  }
  template <class Lock, class Predicate>
    requires std::is_invocable_r_v<bool, Predicate&>
  result<void> wait(const context& ctx, Lock& hold, Predicate holds,
                    detail::site where = detail::site::here()) {
    return repeat([&] { return wait(ctx, hold, where); }, holds);
  }

  // signal() wakes the goroutine that has waited longest, if any. Does not block.
  TAUT_API void signal(detail::site where = detail::site::here()) noexcept;
  // broadcast() wakes everybody who waits. Does not block.
  TAUT_API void broadcast(detail::site where = detail::site::here()) noexcept;

 private:
  template <class Wait, class Predicate>
  static result<void> repeat(Wait&& wait_once, Predicate& holds) {
    while (!holds()) {
      if (result<void> r = wait_once(); !r) return holds() ? result<void>() : r;
    }
    return {};
  }
  TAUT_API result<void> wait_until(mutex& m, detail::context_node* context, bool has_context,
                                   const time_point* deadline, detail::site where);
  void note_signal(bool lost, detail::site where) noexcept;

  std::atomic<std::uint32_t> waiting_{0};
  // Signals that met nobody, and the place of the last signal or broadcast: evidence for diagnosis.
  std::atomic<std::uint32_t> lost_{0};
  std::atomic<detail::site> signal_{};
};

TAUT_END_NAMESPACE
