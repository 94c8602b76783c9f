// SPDX-License-Identifier: Apache-2.0
// now() and sleeping.
#include "base/clock.h"
#include "sched/context_waits.h"
#include "sched/park.h"
#include "taut/time.h"
#include "time/tick_channel.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

time_point now() noexcept { return to_time_point(rt::now()); }

void sleep_until(time_point when, detail::site where) {
  choice_point();
  const std::int64_t deadline = to_ns(when);
  if (deadline <= rt::now()) return;
  if (const std::uint8_t why = rt::sleep_until(deadline, where)) throw_interrupt(why);
}

void sleep_for(std::chrono::nanoseconds d, detail::site where) {
  choice_point();
  if (d.count() <= 0) return;
  if (const std::uint8_t why = rt::sleep_until(deadline_after(d), where)) throw_interrupt(why);
}

result<void> sleep_for(const context& ctx, std::chrono::nanoseconds d, detail::site where) {
  choice_point();
  detail::context_node* node = detail::node_of(ctx);
  if (std::error_code ended = context_error(node)) return ended;
  if (d.count() <= 0) return {};
  goroutine* g = current_goroutine();
  std::uint8_t asked = interrupt::deadline;
  if (node != nullptr) asked |= interrupt::context;
  // An explicit form never throws canceled.
  begin_claimable(g, static_cast<std::uint8_t>(interrupts_for(g, asked) & ~interrupt::bound));
  context_wait_scope until(g, node);
  wait_deadline limit;
  limit.arm(g, deadline_after(d));
  if (!interrupted_before_park(g)) park(g, {wait_reason::sleep, nullptr, where}, nullptr, nullptr);
  limit.disarm();
  until.leave();
  const std::uint8_t why = end_claimable(g);
  if (why == interrupt::deadline) return {};
  if (why == interrupt::context) return until.error();
  throw_interrupt(why);
  return {};
}

TAUT_END_NAMESPACE
