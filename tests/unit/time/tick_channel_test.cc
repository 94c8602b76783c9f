// SPDX-License-Identifier: Apache-2.0
// Timers under virtual time, their races, and what they leave behind.
#include "time/tick_channel.h"

#include <atomic>
#include <vector>

#include "sched/runtime_state.h"
#include "support/fixture.h"
#include "taut/select.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using namespace std::chrono_literals;

std::size_t armed() { return rt::the_runtime().foreground_timers(); }

template <class F>
void with_virtual_time(int workers, F&& body) {
  start({.workers = workers, .virtual_time = true});
  run(body);
  stop();
}

TEST(tick_channel, virtual_time_jumps) {
  for (int workers : {1, 2, 4}) {
    with_virtual_time(workers, [] {
      const time_point begin = now();
      sleep_for(24h);
      EXPECT_EQ(now() - begin, 24h);
      ticker every(1h);
      for (int i = 1; i <= 10; ++i) EXPECT_EQ(*every.ticks().recv() - begin, 24h + i * 1h);
      timer t(30min);
      EXPECT_EQ(*t.fired().recv() - begin, 34h + 30min);
      auto made = with_timeout(background(), 1h);
      EXPECT_EQ(made.ctx.wait(), errc::deadline_exceeded);
      EXPECT_EQ(now() - begin, 35h + 30min);
    });
  }
}

TEST(tick_channel, virtual_time_wakes_in_order) {
  for (int workers : {1, 2}) {
    with_virtual_time(workers, [] {
      chan<int> order(8);
      for (int i : {3, 1, 4, 2}) {
        go([=] {
          sleep_for(std::chrono::hours(i));
          order.send(i);
        });
      }
      for (int i = 1; i <= 4; ++i) EXPECT_EQ(order.recv(), i);
    });
  }
}

RUNTIME_TEST(tick_channel, nothing_stays_armed) {
  {
    timer t(1h);
    ticker every(1h);
    call_after later(1h, [] {});
    auto made = with_timeout(background(), 1h);
    auto unreferenced = after(1h);
    EXPECT_EQ(armed(), 5u);
    unreferenced.reset();
    EXPECT_EQ(armed(), 4u);
    made.cancel();
    EXPECT_EQ(armed(), 3u);
  }
  EXPECT_EQ(armed(), 0u);
}

RUNTIME_TEST(tick_channel, after_in_a_select_that_chose_another_case) {
  chan<int> ready(1);
  for (int i = 0; i < 100; ++i) {
    ready.send(i);
    select(recv(ready), recv(after(1h)));
  }
  EXPECT_EQ(armed(), 0u);
}

RUNTIME_TEST(tick_channel, stop_races_with_the_tick) {
  for (int i = 0; i < 300; ++i) {
    timer t(std::chrono::nanoseconds(i * 300));
    wait_group all;
    std::atomic<int> received{0};
    all.go([&] { select(recv(t.fired(), [&] { ++received; }), timeout(100us)); });
    if (i % 2 != 0) yield();
    t.stop();
    EXPECT_EQ(t.fired().try_recv().error(), errc::would_block);
    all.wait();
    EXPECT_LE(received, 1);
  }
}

RUNTIME_TEST(tick_channel, call_after_dies_while_it_fires) {
  std::atomic<int> ran{0};
  int prevented = 0;
  for (int i = 0; i < 300; ++i) {
    call_after later(std::chrono::nanoseconds(i * 100), [&] { ++ran; });
    if (i % 3 != 0) yield();
    if (later.stop()) ++prevented;
  }
  until([&] { return ran + prevented == 300; });
}

RUNTIME_TEST(tick_channel, says_that_it_ticked) {
  const recv_chan<time_point> later = after(1h), now = after(0ns);
  EXPECT_TRUE(later.handle().core()->timer_channel);
  EXPECT_FALSE(later.handle().core()->ticked.load());
  now.recv();
  // The worker that ticks says so after the tick.
  until([&] { return now.handle().core()->ticked.load(); });
  EXPECT_FALSE(later.handle().core()->ticked.load());
}

RUNTIME_THREAD_TEST(tick_channel, threads_sleep_and_tick) {
  sleep_for(1ms);
  EXPECT_TRUE(after(1ms).recv().has_value());
  auto made = with_timeout(background(), 1ms);
  EXPECT_EQ(made.ctx.wait(), errc::deadline_exceeded);
}

}  // namespace
}  // namespace taut::test
