// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  relaxed: ticked is a fact for diagnosis.
#include "time/tick_channel.h"

#include "base/clock.h"
#include "base/recording.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// Who sends a tick: nobody. Has the id 0, as a thread has.
goroutine& the_clock() noexcept {
  static goroutine clock;
  return clock;
}

}  // namespace

std::int64_t deadline_after(std::chrono::nanoseconds d) noexcept {
  const std::int64_t t = now();
  if (d.count() <= 0) return t;
  return d.count() >= no_deadline - t ? no_deadline - 1 : t + d.count();
}

tick_channel::tick_channel(site where)
    : channel_(detail::chan_make(detail::elem_ops_of<time_point>, 1,
                                 detail::send_right | detail::recv_right, false, where)),
      made_(where) {
  static_cast<void>(the_clock());
  channel_->timer_channel = true;
  channel_->at_once = 0;  // select notes why it left the other channels
  timer_.of = this;
  timer_.fire = tick;
}

tick_channel::~tick_channel() {
  stop();
  detail::chan_unref_runtime(channel_, detail::send_right);
}

void tick_channel::arm(std::chrono::nanoseconds d, std::chrono::nanoseconds period) noexcept {
  timer_.period = period.count();
  rt::arm(timer_, deadline_after(d));
}

std::int64_t tick_channel::tick(rt::timer& t, std::int64_t now) TAUT_LOCKS_BY_HAND {
  auto& mine = static_cast<tick_timer&>(t);
  chan_core& c = *mine.of->channel_;
  time_point at = to_time_point(t.deadline);
  c.guard.acquire();
  // Nobody waits and a tick lies there: this one is dropped.
  const std::uint64_t clock = signature_of(state_of(&the_clock()), mine.of->made_);
  if (offer(c, &at, clock, mine.of->made_) != outcome::done) c.guard.release();
  if (mine.period == 0) {
    // After who waited was taken out of the queue: "it ticked, yet somebody waits" is then true.
    if constexpr (records) c.ticked.store(true, std::memory_order_relaxed);  // MO-1
    return no_deadline;
  }
  const std::int64_t missed = (now - t.deadline) / mine.period;
  const std::int64_t step = mine.period * (missed + 1);
  return step >= no_deadline - t.deadline ? no_deadline : t.deadline + step;
}

bool tick_channel::stop() noexcept {
  bool active = rt::disarm(timer_);
  hold h(channel_->guard);
  if (channel_->count.load() != 0) {
    channel_->count.store(0);
    active = true;
  }
  return active;
}

}  // namespace rt
TAUT_END_NAMESPACE
