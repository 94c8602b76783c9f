// SPDX-License-Identifier: Apache-2.0
// Sleeping, timers and tickers with Go 1.23's rules: after stop() or reset() no stale tick can be
// received, and a handle's destructor stops it.
//
//   taut::sleep_for(50ms);
//   taut::ticker every(1s);
//   for (auto& at : every.ticks()) { ... }            // until stopped
//   taut::timer late(80ms);
//   taut::select(taut::recv(answers, use), taut::recv(late.fired(), give_up));
//
// All times are std::chrono::steady_clock, as the scheduler sees it (virtual in a test that asks
// for it: read it by now()).
#pragma once

#include "taut/chan.h"
#include "taut/detail/chrono.h"
#include "taut/detail/functional.h"
#include "taut/detail/site.h"
#include "taut/export.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE

using time_point = std::chrono::steady_clock::time_point;

// now() is the scheduler's time. Callable from anywhere; about 25 ns.
TAUT_API time_point now() noexcept;

// sleep_until() blocks until `when`; returns at once when it has passed. Ended by the goroutine's
// bound context (throws canceled).
TAUT_API void sleep_until(time_point when, detail::site where = detail::site::here());
// sleep_for(d) blocks for d; returns at once for d <= 0.
TAUT_API void sleep_for(std::chrono::nanoseconds d, detail::site where = detail::site::here());
// As sleep_for, but gives up when ctx ends: errc::canceled or errc::deadline_exceeded. Never throws
// canceled.
TAUT_API result<void> sleep_for(const context& ctx, std::chrono::nanoseconds d,
                                detail::site where = detail::site::here());

// timer fires once. Move-only; its destructor stops it. One goroutine at a time may call stop() and
// reset(); any may receive.
class [[nodiscard]] timer {
 public:
  // Fires after d (at once for d <= 0).
  TAUT_API explicit timer(std::chrono::nanoseconds d, detail::site where = detail::site::here());
  TAUT_API timer(timer&& other) noexcept;
  TAUT_API timer& operator=(timer&& other) noexcept;
  TAUT_API ~timer();

  // fired() yields the time of expiry once. Its len() and cap() are 0.
  TAUT_API const recv_chan<time_point>& fired() const noexcept;
  // stop(): true when it was still to fire. Afterwards fired() yields nothing until reset(). Does
  // not block.
  TAUT_API bool stop() noexcept;
  // reset(d) starts it anew: true when it was still to fire. A tick that nobody received is gone.
  TAUT_API bool reset(std::chrono::nanoseconds d) noexcept;

 private:
  struct state;
  state* state_ = nullptr;
};

// ticker yields the time every period; a slow receiver misses ticks (at most one waits). Move-only;
// its destructor stops it.
class [[nodiscard]] ticker {
 public:
  // Throws panic("non-positive interval for NewTicker").
  TAUT_API explicit ticker(std::chrono::nanoseconds period,
                           detail::site where = detail::site::here());
  TAUT_API ticker(ticker&& other) noexcept;
  TAUT_API ticker& operator=(ticker&& other) noexcept;
  TAUT_API ~ticker();

  TAUT_API const recv_chan<time_point>& ticks() const noexcept;
  // stop() ends the ticks; it does not close the channel.
  TAUT_API void stop() noexcept;
  // Throws panic("non-positive interval for Ticker.Reset").
  TAUT_API void reset(std::chrono::nanoseconds period);

 private:
  struct state;
  state* state_ = nullptr;
};

// after(d) is a channel that yields the time once, after d. When nobody holds the channel any more
// its timer is gone too.
[[nodiscard]] TAUT_API recv_chan<time_point> after(std::chrono::nanoseconds d,
                                                   detail::site where = detail::site::here());

// call_after runs f in a goroutine of its own after d. (Go's time.AfterFunc; context's after_func
// waits for a context.) Its destructor stops it.
class [[nodiscard]] call_after {
 public:
  TAUT_API call_after(std::chrono::nanoseconds d, std::function<void()> f,
                      detail::site where = detail::site::here());
  TAUT_API call_after(call_after&& other) noexcept;
  TAUT_API call_after& operator=(call_after&& other) noexcept;
  TAUT_API ~call_after();
  // stop(): true when it prevented f. Does not wait for f.
  TAUT_API bool stop() noexcept;
  // reset(d) schedules f anew: true when it was still to run.
  TAUT_API bool reset(std::chrono::nanoseconds d) noexcept;
  // release() lets f run even when this handle is gone.
  TAUT_API void release() noexcept;

 private:
  struct state;
  state* state_ = nullptr;
};

TAUT_END_NAMESPACE
