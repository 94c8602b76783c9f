// SPDX-License-Identifier: Apache-2.0
// The rules TIME-nn of docs/semantics.md.
#include "taut/time.h"

#include <atomic>
#include <optional>

#include "support/fixture.h"
#include "taut/select.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

RUNTIME_TEST(time, TIME_01_sleep_lasts_at_least_that_long) {
  const time_point before = now();
  sleep_for(1ms);
  EXPECT_GE(now() - before, 1ms);
  sleep_until(before + 2ms);
  EXPECT_GE(now() - before, 2ms);
}

RUNTIME_TEST(time, TIME_02_sleeping_for_nothing_returns_at_once) {
  sleep_for(0ns);
  sleep_for(-1h);
  sleep_until(now() - 1h);
}

RUNTIME_TEST(time, TIME_03_a_timer_fires_once_with_the_time_of_expiry) {
  const time_point before = now();
  timer t(1ms);
  const std::optional<time_point> at = t.fired().recv();
  ASSERT_TRUE(at.has_value());
  EXPECT_GE(*at - before, 1ms);
  EXPECT_LE(*at, now());
  EXPECT_EQ(t.fired().try_recv().error(), errc::would_block);
  EXPECT_FALSE(t.stop());
  timer at_once(-1s);
  EXPECT_TRUE(at_once.fired().recv().has_value());
}

RUNTIME_TEST(time, TIME_04_no_stale_tick_after_stop) {
  timer t(1h);
  EXPECT_TRUE(t.stop());
  EXPECT_FALSE(t.stop());
  for (int i = 0; i < 20; ++i) {
    timer soon(std::chrono::microseconds(i * 10));
    sleep_for(std::chrono::microseconds(100));
    soon.stop();
    EXPECT_EQ(soon.fired().try_recv().error(), errc::would_block);
  }
}

RUNTIME_TEST(time, TIME_05_no_stale_tick_after_reset) {
  timer t(0ns);
  sleep_for(1ms);
  // The tick lies there; reset throws it away and says that it was still to be received.
  EXPECT_TRUE(t.reset(1h));
  EXPECT_EQ(t.fired().try_recv().error(), errc::would_block);
  EXPECT_TRUE(t.reset(1us));
  EXPECT_TRUE(t.fired().recv().has_value());
  EXPECT_FALSE(t.reset(1us));
  EXPECT_TRUE(t.fired().recv().has_value());
}

RUNTIME_TEST(time, TIME_06_a_timers_channel_looks_unbuffered) {
  timer t(0ns);
  sleep_for(1ms);
  EXPECT_EQ(t.fired().len(), 0u);
  EXPECT_EQ(t.fired().cap(), 0u);
  EXPECT_TRUE(t.fired().try_recv().has_value());
}

RUNTIME_TEST(time, TIME_07_a_ticker_ticks_and_drops_what_nobody_takes) {
  ticker every(500us);
  const time_point first = *every.ticks().recv();
  sleep_for(5ms);
  const time_point second = *every.ticks().recv();  // one waited
  const time_point third = *every.ticks().recv();   // the missed ones are gone
  EXPECT_GT(second, first);
  EXPECT_GE(third - second, 500us);
  EXPECT_EQ((third - first) % 500us, 0us);
}

RUNTIME_TEST(time, TIME_08_stopping_a_ticker_does_not_close_its_channel) {
  ticker every(100us);
  static_cast<void>(every.ticks().recv());
  every.stop();
  EXPECT_EQ(every.ticks().try_recv().error(), errc::would_block);
  every.reset(200us);
  EXPECT_TRUE(every.ticks().recv().has_value());
}

RUNTIME_TEST(time, TIME_09_a_period_must_be_positive) {
  EXPECT_EQ(panic_of([] { ticker t(0ns); }), "non-positive interval for NewTicker");
  ticker every(1h);
  EXPECT_EQ(panic_of([&] { every.reset(-1ns); }), "non-positive interval for Ticker.Reset");
}

RUNTIME_TEST(time, TIME_10_after_yields_once) {
  EXPECT_TRUE(after(0ns).recv().has_value());
  const time_point before = now();
  EXPECT_GE(*after(1ms).recv() - before, 1ms);
  bool late = false;
  select(recv(chan<int>()), recv(after(100us), [&] { late = true; }));
  EXPECT_TRUE(late);
}

RUNTIME_TEST(time, TIME_11_call_after_runs_in_a_goroutine_of_its_own) {
  chan<std::uint64_t> ran(0);
  call_after later(100us, [&] { ran.send(this_goroutine::id()); });
  EXPECT_NE(*ran.recv(), this_goroutine::id());
  EXPECT_FALSE(later.stop());
  EXPECT_FALSE(later.reset(1us));
  EXPECT_TRUE(ran.recv().has_value());
}

RUNTIME_TEST(time, TIME_12_stop_prevents_call_after) {
  std::atomic<int> ran{0};
  call_after stopped(1h, [&] { ++ran; });
  EXPECT_TRUE(stopped.stop());
  EXPECT_FALSE(stopped.stop());
  {
    call_after died(1us * 1000000, [&] { ++ran; });
  }
  call_after moved(1h, [&] { ++ran; });
  EXPECT_TRUE(moved.reset(0ns));
  until([&] { return ran == 1; });
  call_after kept(100us, [&] { ran = 10; });
  kept.release();
  until([&] { return ran == 10; });
}

RUNTIME_TEST(time, TIME_13_sleep_with_a_context_gives_up_with_its_error) {
  auto [late, cancel_late] = with_timeout(background(), 1ms);
  EXPECT_EQ(sleep_for(late, 1h).error(), errc::deadline_exceeded);
  auto [ctx, cancel] = with_cancel(background());
  EXPECT_TRUE(sleep_for(ctx, 1us).has_value());
  EXPECT_TRUE(sleep_for(background(), 1us).has_value());
}

RUNTIME_TEST(time, TIME_14_handles_move) {
  timer a(1h);
  timer b(std::move(a));
  EXPECT_FALSE(a.stop());  // NOLINT: a moved timer does nothing
  EXPECT_FALSE(a.fired());
  EXPECT_TRUE(b.stop());
  ticker c(1h);
  ticker d(std::move(c));
  EXPECT_FALSE(c.ticks());  // NOLINT
  EXPECT_TRUE(d.ticks());
}

}  // namespace
}  // namespace taut::test
