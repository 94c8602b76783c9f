// SPDX-License-Identifier: Apache-2.0
// wait_group: waits until a number of goroutines have said that they are done.
//
//   taut::wait_group group;
//   for (auto& part : parts) group.go([&] { work(part); });   // add, run, done
//   group.wait();
//
// Any goroutine or thread may call any function at once; add() from zero must happen before wait().
// Waits are ended by the goroutine's bound context, which throws taut::canceled. Once wait() has
// returned, the group may be destroyed, though the last done() is still returning.
// Constant-initialised.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "taut/context.h"
#include "taut/detail/site.h"
#include "taut/detail/spawn.h"
#include "taut/export.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE

class wait_group {
 public:
  constexpr wait_group() noexcept = default;
  wait_group(const wait_group&) = delete;
  wait_group& operator=(const wait_group&) = delete;
  // Throws nothing: one destroyed while somebody waits ends the process with a dump, for the waiter
  // would touch freed memory.
  TAUT_API ~wait_group();

  // add(n) raises the counter, or lowers it for a negative n. Does not block. Throws panic("sync:
  // negative WaitGroup counter").
  void add(int n, detail::site where = detail::site::here()) {
    n > 0 ? raise(n, where) : lower(n, where);
  }
  // done() is add(-1).
  void done(detail::site where = detail::site::here()) { lower(-1, where); }
  // wait() blocks until the counter is zero.
  TAUT_API void wait(detail::site where = detail::site::here());
  // As wait, but gives up when ctx ends; never throws canceled.
  result<void> wait(const context& ctx, detail::site where = detail::site::here()) {
    return wait_until(detail::node_of(ctx), where);
  }

  // go(f) is add(1), and f followed by done() in a new goroutine, also when f ends by an exception.
  template <class F>
  void go(F&& f, detail::site where = detail::site::here()) {
    struct member {
      wait_group* of;
      member(wait_group* w) noexcept : of(w) {}
      member(member&& other) noexcept : of(std::exchange(other.of, nullptr)) {}
      ~member() {
        if (of != nullptr) of->end_member();
      }
    };
    add(1, where);
    detail::spawn_goroutine(
        [in = member(this), f = std::decay_t<F>(std::forward<F>(f))]() mutable { f(); }, {},
        nullptr, where);
  }

 private:
  TAUT_API void raise(int n, detail::site where);
  TAUT_API void lower(int n, detail::site where);
  TAUT_API void end_member();  // lower(-1), whose place is nobody's
  void change(int n);
  void change_slowly(int n);
  TAUT_API result<void> wait_until(detail::context_node* context, detail::site where);

  // Counter in the high half; bit 0: somebody waits. Aligned, so that what done() touches is one
  // cache line: the other may be what the goroutine that it lies on the stack of writes to.
  alignas(16) std::atomic<std::uint64_t> state_{0};
  // Where the last done() and the last add(n > 0) were: evidence for diagnosis.
  std::atomic<detail::site> done_{}, added_{};
};

TAUT_END_NAMESPACE
