// SPDX-License-Identifier: Apache-2.0
// select: waits for several channel operations and does exactly one.
//
//   taut::select(taut::recv(jobs, [&](std::optional<job> j) { ... }),   // empty: closed
//                taut::send(results, r),
//                taut::recv(ctx.done(), [&] { stop = true; }),
//                taut::timeout(50ms, [&] { retry(); }));                 // or otherwise([&] { ...
//                                                                        // })
//
// If several operations can proceed, one is chosen uniformly at random. Operands are evaluated
// before select begins. A case on a nil channel is never ready. Callable from any goroutine or
// thread; the chosen case's function runs after the operation, in the caller, with nothing held.
// Throws panic("send on closed channel") when a chosen send meets a closed channel, canceled when
// the goroutine's bound context ends the wait.
#pragma once

#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "taut/chan.h"
#include "taut/detail/chan_core.h"
#include "taut/detail/chrono.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

struct nothing {
  void operator()() const noexcept {}
};

// Cases borrow the channel: they are made and used within one expression, or while its handle
// lives.
template <class T, class F>
struct recv_case {
  static constexpr bool is_channel = true;
  // Where the value comes. Not a member: then the place, which would lie beside something whose
  // address is taken, need never be in memory.
  using room = elem_slot<T>;
  chan_core* channel;
  F f;
  site where;

  select_case erased(room& into) noexcept { return {channel, into.bytes, false}; }
  void ran(bool received, room& into) {
    std::optional<T> value;
    if (received) {
      value.emplace(std::move(*into.get()));
      into.get()->~T();
    }
    if constexpr (std::is_invocable_v<F&, std::optional<T>>) {
      f(std::move(value));
    } else {
      static_assert(std::is_invocable_v<F&>,
                    "recv: the function takes std::optional<T> (empty: closed) or nothing");
      f();
    }
  }
};

template <class T, class F>
struct send_case {
  static constexpr bool is_channel = true;
  using room = nothing;
  chan_core* channel;
  T value;
  F f;
  site where;

  select_case erased(room&) noexcept { return {channel, &value, true}; }
  void ran(bool, room&) { f(); }
};

template <class F>
struct otherwise_case {
  static constexpr bool is_channel = false;
  static constexpr bool is_otherwise = true;
  using room = nothing;
  F f;
  site where;
};

template <class F>
struct timeout_case {
  static constexpr bool is_channel = false;
  static constexpr bool is_otherwise = false;
  using room = nothing;
  std::chrono::steady_clock::duration after;
  F f;
  site where;
};

TAUT_API std::chrono::steady_clock::time_point select_deadline(
    std::chrono::steady_clock::duration after) noexcept;

}  // namespace detail

// recv(channel, f): a case that receives. f takes std::optional<T>, empty when the channel is
// closed and drained, or nothing.
template <class T, class F = detail::nothing>
[[nodiscard]] auto recv(const recv_chan<T>& channel, F f = {},
                        detail::site where = detail::site::here()) {
  return detail::recv_case<T, F>{channel.handle().core(), std::move(f), where};
}
template <class T, class F = detail::nothing>
[[nodiscard]] auto recv(const chan<T>& channel, F f = {},
                        detail::site where = detail::site::here()) {
  return detail::recv_case<T, F>{channel.handle().core(), std::move(f), where};
}

// send(channel, value, f): a case that sends. The value is moved out only when this case is chosen.
template <class T, class F = detail::nothing>
[[nodiscard]] auto send(const send_chan<T>& channel, std::type_identity_t<T> value, F f = {},
                        detail::site where = detail::site::here()) {
  return detail::send_case<T, F>{channel.handle().core(), std::move(value), std::move(f), where};
}
template <class T, class F = detail::nothing>
[[nodiscard]] auto send(const chan<T>& channel, std::type_identity_t<T> value, F f = {},
                        detail::site where = detail::site::here()) {
  return detail::send_case<T, F>{channel.handle().core(), std::move(value), std::move(f), where};
}

// otherwise(f): runs when no other case can proceed at once (Go's default). At most one, and not
// together with timeout.
template <class F = detail::nothing>
[[nodiscard]] auto otherwise(F f = {}, detail::site where = detail::site::here()) {
  return detail::otherwise_case<F>{std::move(f), where};
}

// timeout(after, f): runs when nothing could proceed for that long.
template <class Rep, class Period, class F = detail::nothing>
[[nodiscard]] auto timeout(std::chrono::duration<Rep, Period> after, F f = {},
                           detail::site where = detail::site::here()) {
  return detail::timeout_case<F>{std::chrono::ceil<std::chrono::steady_clock::duration>(after),
                                 std::move(f), where};
}

namespace detail {

template <class T>
inline constexpr bool is_case = requires { T::is_channel; };
template <class T>
inline constexpr bool is_poll = requires { requires T::is_otherwise; };

template <class First, class... Rest>
site first_site(const First& first, const Rest&...) noexcept {
  return first.where;
}

}  // namespace detail

// select(cases...) blocks until one case can proceed, performs it, and returns its position.
template <class... Cases>
  requires(sizeof...(Cases) > 0 && (detail::is_case<std::remove_cvref_t<Cases>> && ...))
std::size_t select(Cases&&... cases) {
  constexpr std::size_t channels = (std::size_t{std::remove_cvref_t<Cases>::is_channel} + ...);
  static_assert(sizeof...(Cases) - channels <= 1, "select: at most one of otherwise and timeout");
  detail::select_case erased[channels + 1];
  std::tuple<typename std::remove_cvref_t<Cases>::room...> rooms;
  detail::select_mode mode = detail::select_mode::block;
  std::chrono::steady_clock::time_point deadline;
  const std::chrono::steady_clock::time_point* limit = nullptr;
  std::size_t n = 0;
  auto collect = [&](auto& each, auto& room) {
    using one = std::remove_reference_t<decltype(each)>;
    if constexpr (one::is_channel) {
      erased[n++] = each.erased(room);
    } else if constexpr (one::is_otherwise) {
      mode = detail::select_mode::poll;
    } else {
      deadline = detail::select_deadline(each.after);
      limit = &deadline;
    }
  };
  std::apply([&](auto&... room) { (collect(cases, room), ...); }, rooms);
  const detail::site where = detail::first_site(cases...);
  std::size_t chosen;
  if constexpr (channels == 1 && (detail::is_poll<std::remove_cvref_t<Cases>> || ...)) {
    chosen = detail::select_poll(erased, where);
  } else {
    chosen = detail::select_core(erased, n, mode, limit, where);
  }
  n = 0;
  std::size_t position = 0;
  std::size_t answer = 0;
  auto finish = [&](auto& each, auto& room) {
    using one = std::remove_reference_t<decltype(each)>;
    if constexpr (one::is_channel) {
      if (n == chosen) {
        answer = position;
        each.ran(erased[n].received, room);
      }
      ++n;
    } else if (chosen == detail::select_otherwise || chosen == detail::select_timed_out) {
      answer = position;
      each.f();
    }
    ++position;
  };
  std::apply([&](auto&... room) { (finish(cases, room), ...); }, rooms);
  return answer;
}

// select() with no cases blocks for ever: "select (no cases)" in a dump.
inline void select(detail::site where = detail::site::here()) {
  detail::select_core(nullptr, 0, detail::select_mode::block, nullptr, where);
}

// select_list is a select whose cases are known only at run time, up to 65,535 of them. It borrows
// the channels and the values' room: keep them alive until run() returned. A list may be run again.
// Not for use from two goroutines at once.
class select_list {
 public:
  TAUT_API select_list();
  TAUT_API ~select_list();
  select_list(const select_list&) = delete;
  select_list& operator=(const select_list&) = delete;

  // Each adds a case and returns its position. `into` receives the value; it must outlive run().
  template <class T>
  std::size_t recv(const recv_chan<T>& channel, std::optional<T>& into) {
    return add(channel.handle().core(), new receiver<T>(into));
  }
  template <class T>
  std::size_t recv(const chan<T>& channel, std::optional<T>& into) {
    return add(channel.handle().core(), new receiver<T>(into));
  }
  template <class T>
  std::size_t send(const send_chan<T>& channel, T& value) {
    return add(channel.handle().core(), new sender(&value));
  }
  template <class T>
  std::size_t send(const chan<T>& channel, T& value) {
    return add(channel.handle().core(), new sender(&value));
  }

  // run() blocks until one case proceeded; returns its position. Throws as select does, and panic
  // beyond 65,535 cases.
  TAUT_API std::size_t run(detail::site where = detail::site::here());
  // try_run() does not wait: empty when nothing could proceed.
  [[nodiscard]] TAUT_API std::optional<std::size_t> try_run(
      detail::site where = detail::site::here());
  TAUT_API std::size_t size() const noexcept;

 private:
  struct end {
    virtual ~end() = default;
    virtual void* element() noexcept = 0;
    virtual void ran(bool received) noexcept = 0;
    virtual bool sends() const noexcept = 0;
  };
  template <class T>
  struct receiver final : end {
    explicit receiver(std::optional<T>& to) : into(to) {}
    void* element() noexcept override { return slot.bytes; }
    void ran(bool received) noexcept override {
      into.reset();
      if (!received) return;
      into.emplace(std::move(*slot.get()));
      slot.get()->~T();
    }
    bool sends() const noexcept override { return false; }
    std::optional<T>& into;
    detail::elem_slot<T> slot;
  };
  struct sender final : end {
    explicit sender(void* from) : value(from) {}
    void* element() noexcept override { return value; }
    void ran(bool) noexcept override {}
    bool sends() const noexcept override { return true; }
    void* value;
  };
  struct state;
  // Takes over `owned`, also when it throws.
  TAUT_API std::size_t add(detail::chan_core* channel, end* owned);
  std::size_t go(detail::select_mode mode, detail::site where);

  state* state_;
};

TAUT_END_NAMESPACE
