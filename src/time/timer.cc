// SPDX-License-Identifier: Apache-2.0
// timer and after(): one tick.
#include <utility>

#include "taut/time.h"
#include "time/tick_channel.h"

TAUT_BEGIN_NAMESPACE

struct timer::state {
  explicit state(detail::site where) : ticks(where), fired(ticks.channel()) {}
  rt::tick_channel ticks;
  recv_chan<time_point> fired;
};

timer::timer(std::chrono::nanoseconds d, detail::site where) : state_(new state(where)) {
  state_->ticks.arm(d, {});
}

timer::timer(timer&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

timer& timer::operator=(timer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

timer::~timer() { delete state_; }

const recv_chan<time_point>& timer::fired() const noexcept {
  static const recv_chan<time_point> nil;
  return state_ == nullptr ? nil : state_->fired;
}

bool timer::stop() noexcept { return state_ != nullptr && state_->ticks.stop(); }

bool timer::reset(std::chrono::nanoseconds d) noexcept {
  if (state_ == nullptr) return false;
  const bool active = state_->ticks.stop();
  state_->ticks.arm(d, {});
  return active;
}

recv_chan<time_point> after(std::chrono::nanoseconds d, detail::site where) {
  // Owned by the channel: goes with its last receiving handle.
  auto* ticks = new rt::tick_channel(where);
  rt::chan_core* c = ticks->channel();
  c->call_without_receiver(
      [](void* feeder) noexcept { delete static_cast<rt::tick_channel*>(feeder); }, ticks);
  ticks->arm(d, {});
  return recv_chan<time_point>(c);
}

TAUT_END_NAMESPACE
