// SPDX-License-Identifier: Apache-2.0
// scope: owns goroutines, and leaves only when all of them have left.
//
//   taut::scope s(ctx);
//   for (auto& r : replicas) s.go([=] { first.send(fetch(r)); });
//   s.wait();                       // joins; rethrows the first exception
//
// The goroutines of a scope are bound to its context, a child of the one given: cancel() ends their
// waits. The first exception that leaves one cancels the scope and is rethrown by wait(), or by the
// destructor. taut::canceled ends a goroutine quietly.
#pragma once

#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

#include "taut/context.h"
#include "taut/detail/site.h"
#include "taut/detail/spawn.h"
#include "taut/export.h"
#include "taut/panic.h"
#include "taut/wait_group.h"

TAUT_BEGIN_NAMESPACE

// A scope belongs to the goroutine or thread that made it; go(), cancel() and active() may be
// called from any.
class [[nodiscard]] scope {
 public:
  // scope() stands below background(), or below the bound context of the calling goroutine.
  TAUT_API scope(detail::site where = detail::site::here());
  TAUT_API explicit scope(const context& parent, detail::site where = detail::site::here());
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;
  // Joins: blocks until every goroutine of the scope has ended. When an exception is passing
  // through, cancels first. Otherwise rethrows the first error of a goroutine unless wait() did.
  TAUT_API ~scope() noexcept(false);

  // go(f) starts f in the scope. Blocks while `limit` goroutines are active.
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&>
  void go(F&& f, detail::site where = detail::site::here()) {
    go(go_options{}, std::forward<F>(f), where);
  }
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&>
  void go(const go_options& wanted, F&& f, detail::site where = detail::site::here()) {
    enter(where);
    launch(wanted, std::forward<F>(f), where);
  }
  // try_go(f) starts f unless the limit is reached; returns whether it did.
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&>
  [[nodiscard]] bool try_go(F&& f, detail::site where = detail::site::here()) {
    if (!try_enter()) return false;
    launch(go_options{}, std::forward<F>(f), where);
    return true;
  }

  // set_limit(n) lets at most n goroutines be active; 0 means no limit. Throws panic when some are
  // active.
  TAUT_API void set_limit(std::size_t n);
  // cancel() ends the scope's context. Does not block.
  TAUT_API void cancel(detail::site where = detail::site::here()) noexcept;
  // wait() blocks until every goroutine has ended, then rethrows the first error, once. The scope
  // can be used again unless it was cancelled.
  TAUT_API void wait(detail::site where = detail::site::here());
  // The context the goroutines are bound to.
  const context& ctx() const noexcept { return context_; }
  // active() is the number of goroutines that have not ended.
  TAUT_API std::size_t active() const noexcept;

 private:
  template <class F>
  void launch(const go_options& wanted, F&& f, detail::site where) {
    // The guard leaves the scope when the goroutine ends, or when it could not be started.
    struct member {
      scope* of;
      member(scope* s) noexcept : of(s) {}
      member(member&& other) noexcept : of(std::exchange(other.of, nullptr)) {}
      ~member() {
        if (of != nullptr) of->leave();
      }
    };
    detail::spawn_goroutine(
        [in = member(this), f = std::decay_t<F>(std::forward<F>(f))]() mutable {
          try {
            f();
          } catch (const canceled&) {
            throw;
          } catch (const std::exception&) {
            in.of->fail(std::current_exception());
          } catch (...) {
            if (!in.of->fail_unknown(std::current_exception())) throw;
          }
        },
        wanted, context_.node(), where);
  }
  TAUT_API void enter(detail::site where);
  TAUT_API bool try_enter() noexcept;
  TAUT_API void leave() noexcept;
  TAUT_API void fail(std::exception_ptr error) noexcept;
  // False for goexit's object, which must go on.
  TAUT_API bool fail_unknown(std::exception_ptr error) noexcept;

  struct state;
  context context_;
  taut::cancel cancel_;
  state* state_;
  int unwinding_;
};

TAUT_END_NAMESPACE
