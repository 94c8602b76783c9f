// SPDX-License-Identifier: Apache-2.0
// ticker: a tick every period.
#include <utility>

#include "taut/panic.h"
#include "taut/time.h"
#include "time/tick_channel.h"

TAUT_BEGIN_NAMESPACE

struct ticker::state {
  explicit state(detail::site where) : ticks(where), channel(ticks.channel()) {}
  rt::tick_channel ticks;
  recv_chan<time_point> channel;
};

ticker::ticker(std::chrono::nanoseconds period, detail::site where) {
  if (period.count() <= 0) throw panic("non-positive interval for NewTicker");
  state_ = new state(where);
  state_->ticks.arm(period, period);
}

ticker::ticker(ticker&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

ticker& ticker::operator=(ticker&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

ticker::~ticker() { delete state_; }

const recv_chan<time_point>& ticker::ticks() const noexcept {
  static const recv_chan<time_point> nil;
  return state_ == nullptr ? nil : state_->channel;
}

void ticker::stop() noexcept {
  if (state_ != nullptr) state_->ticks.stop();
}

void ticker::reset(std::chrono::nanoseconds period) {
  if (period.count() <= 0) throw panic("non-positive interval for Ticker.Reset");
  if (state_ == nullptr) return;
  state_->ticks.stop();
  state_->ticks.arm(period, period);
}

TAUT_END_NAMESPACE
