// SPDX-License-Identifier: Apache-2.0
// A channel that a timer feeds: what timer, ticker and after() are made of.
//
// Invariants
//   The channel has room for one tick, which chan.h does not show: len() and cap() are 0. A tick
//   that nobody took is thrown away by stop() and reset(), so that none is received after they
//   returned. chan_core::ticked says that of a timer that ticks once the tick came; it is written
//   under the heap's lock, and read for who waits on what after() made.
//
// States       stopped -> armed, by arm(); armed -> stopped, by the tick (of one that fires once)
// or stop(). Locks        The tick is sent under the heap's lock (rank::timers), then takes the
// channel's (rank::chan). stop() and reset() belong to one
//              goroutine at a time.
#pragma once

#include <chrono>
#include <cstdint>

#include "chan/chan_core.h"
#include "sched/timers.h"
#include "taut/chan.h"
#include "taut/export.h"
#include "taut/time.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class tick_channel {
 public:
  // Throws std::bad_alloc without memory. The channel's receiving handle is the caller's, once.
  explicit tick_channel(site where);
  // Stops, and gives up the sending handle.
  ~tick_channel();
  tick_channel(const tick_channel&) = delete;
  tick_channel& operator=(const tick_channel&) = delete;

  // Ticks after `d`, then every `period` unless that is 0. Not while armed.
  void arm(std::chrono::nanoseconds d, std::chrono::nanoseconds period) noexcept;
  // True when it was armed, or a tick lay there that nobody had taken.
  bool stop() noexcept;
  chan_core* channel() const noexcept { return channel_; }

 private:
  struct tick_timer : rt::timer {
    tick_channel* of = nullptr;
    std::int64_t period = 0;
  };
  static std::int64_t tick(rt::timer& t, std::int64_t now);

  tick_timer timer_;
  chan_core* channel_;
  site made_;
};

// now() + d, which does not overflow.
std::int64_t deadline_after(std::chrono::nanoseconds d) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
