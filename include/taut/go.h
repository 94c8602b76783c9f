// SPDX-License-Identifier: Apache-2.0
// go() starts a goroutine; this_goroutine is what a goroutine may ask of itself.
//
//   taut::go([] { serve(); });
//   taut::go(handle, std::move(connection));            // arguments are copied or moved, as
//                                                       // std::thread's
//   taut::go({.name = "reader"}, [=] { read(jobs); });
//   taut::go(ctx, [=] { poll(); });                     // bound: cancelling ctx ends its waits
//
// All functions may be called from any thread and any goroutine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "taut/context.h"
#include "taut/detail/site.h"
#include "taut/detail/spawn.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

// go(f) runs f in a new goroutine. Does not block. f is copied or moved onto the goroutine's stack;
// its result is dropped. Throws std::bad_alloc when there is no memory for a stack. An exception
// that leaves f ends the process with a dump (see options::on_panic); taut::canceled ends the
// goroutine quietly. Prefer scope, which joins.
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&>
void go(F&& f, detail::site where = detail::site::here()) {
  detail::spawn_goroutine(std::forward<F>(f), {}, nullptr, where);
}

// As go(f), with a name, a stack size or pinning.
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&>
void go(const go_options& wanted, F&& f, detail::site where = detail::site::here()) {
  detail::spawn_goroutine(std::forward<F>(f), wanted, nullptr, where);
}

// As go(f), bound to a context: when ctx is cancelled, the wait the goroutine is in, or the next
// one it begins (channel, select, sleep, wait group, condition, semaphore, I/O; not mutex::lock),
// ends by throwing taut::canceled.
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&>
void go(const context& ctx, F&& f, detail::site where = detail::site::here()) {
  detail::spawn_goroutine(std::forward<F>(f), {}, detail::node_of(ctx), where);
}

// go(f, a, b, ...) calls f(a, b, ...) with decayed copies of the arguments.
template <class F, class A, class... More>
  requires(std::is_invocable_v<std::decay_t<F>&, std::decay_t<A>, std::decay_t<More>...> &&
           !std::is_convertible_v<std::decay_t<A>, detail::site>)
void go(F&& f, A&& a, More&&... more) {
  detail::spawn_goroutine(
      [f = std::decay_t<F>(std::forward<F>(f)),
       arguments = std::tuple<std::decay_t<A>, std::decay_t<More>...>(
           std::forward<A>(a), std::forward<More>(more)...)]() mutable {
        std::apply(std::move(f), std::move(arguments));
      },
      {}, nullptr, {});
}

// yield() lets other goroutines run, then goes on. In a thread that is no goroutine it yields the
// thread.
TAUT_API void yield() noexcept;

// goexit() ends the calling goroutine after running its destructors. It throws an object that
// nothing should catch. Must not be called from a thread that is no goroutine (throws panic).
[[noreturn]] TAUT_API void goexit();

namespace this_goroutine {

// id() is the goroutine's number, never reused; 0 in a thread that is no goroutine.
TAUT_API std::uint64_t id() noexcept;
// The name given at birth or by set_name(); empty without one.
TAUT_API std::string_view name() noexcept;
TAUT_API void set_name(std::string_view name);
// set_label() attaches a key and value that dumps and profiles show; goroutines started later by
// this one inherit it. An empty value removes the key.
TAUT_API void set_label(std::string_view key, std::string_view value);
// label() returns the value of a key, empty when it is not set.
TAUT_API std::string label(std::string_view key);
// worker() is the number of the worker that runs the goroutine now; -1 in a thread that is no
// goroutine.
TAUT_API int worker() noexcept;
// bound() is the context the goroutine was started with, background() when none.
TAUT_API context bound();

}  // namespace this_goroutine

// While a pin lives, the goroutine stays on the worker it is on. Pins nest. Use it around code that
// keeps thread-local addresses.
class [[nodiscard]] pin {
 public:
  TAUT_API pin() noexcept;
  TAUT_API ~pin();
  pin(const pin&) = delete;
  pin& operator=(const pin&) = delete;
};

// While a shield lives, the goroutine's waits are not ended by its bound context (D5): for clean-up
// that must wait. Shields nest.
class [[nodiscard]] shield {
 public:
  TAUT_API shield() noexcept;
  TAUT_API ~shield();
  shield(const shield&) = delete;
  shield& operator=(const shield&) = delete;
};

TAUT_END_NAMESPACE
