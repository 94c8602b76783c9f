// SPDX-License-Identifier: Apache-2.0
// What the profiles block and mutex count, on a clock that stands still while anybody runs: sums
// are exact.
#include "sched/contention.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>

#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/condition.h"
#include "taut/go.h"
#include "taut/mutex.h"
#include "taut/runtime.h"
#include "taut/select.h"
#include "taut/shared_mutex.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::rt {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t second = 1'000'000'000;

struct sums {
  std::int64_t count = 0, nanoseconds = 0;
  bool operator==(const sums&) const = default;
};
std::ostream& operator<<(std::ostream& to, const sums& s) {
  return to << s.count << " in " << s.nanoseconds << " ns";
}

sums total(contention kind) {
  sums t;
  for_each_contention([&](const contention_place& p) {
    if (p.kind != kind) return;
    t.count += p.count;
    t.nanoseconds += p.nanoseconds;
  });
  return t;
}

// What f adds to the table with these rates, in virtual time, on one worker.
struct added {
  sums block, holder, waiter;
};
added by(std::int64_t rate, std::uint32_t fraction, const std::function<void()>& f) {
  const sums block = total(contention::block), holder = total(contention::holder),
             waiter = total(contention::waiter);
  start({.workers = 1, .virtual_time = true});
  run([&] {
    EXPECT_TRUE(set_block_rate(rate));
    EXPECT_TRUE(set_mutex_fraction(fraction));
    f();
    set_block_rate(0);
    set_mutex_fraction(0);
  });
  EXPECT_EQ(stop(), 0u);
  auto since = [](contention kind, const sums& before) {
    const sums now = total(kind);
    return sums{now.count - before.count, now.nanoseconds - before.nanoseconds};
  };
  return {since(contention::block, block), since(contention::holder, holder),
          since(contention::waiter, waiter)};
}

TEST(contention, nothing_is_counted_while_it_is_off) {
  const added a = by(0, 0, [] {
    chan<int> c(0);
    mutex m;
    wait_group all;
    m.lock();
    all.go([&] {
      m.lock();
      m.unlock();
      c.recv();
    });
    sleep_for(1s);
    m.unlock();
    c.send(1);
    all.wait();
  });
  EXPECT_EQ(a.block, sums());
  EXPECT_EQ(a.holder, sums());
  EXPECT_EQ(a.waiter, sums());
}

TEST(contention, blocks_are_counted_by_how_long_they_last) {
  EXPECT_EQ(by(1, 0,
               [] {
                 chan<int> c(0);
                 go([=] {
                   sleep_for(3s);
                   c.send(1);
                 });
                 c.recv();
               })
                .block,
            (sums{1, 3 * second}));
  EXPECT_EQ(by(1, 0,
               [] {
                 chan<int> a(0), b(0);
                 go([=] {
                   sleep_for(1s);
                   a.send(1);
                 });
                 select(taut::recv(a), taut::recv(b));
               })
                .block,
            (sums{1, second}));
  EXPECT_EQ(by(1, 0,
               [] {
                 wait_group all;
                 for (int i = 0; i < 3; ++i) all.go([] { sleep_for(2s); });
                 all.wait();
               })
                .block,
            (sums{1, 2 * second}));
}

TEST(contention, who_was_there_before_is_counted_too) {
  const added a = by(0, 0, [] {
    chan<int> c(0);
    wait_group all;
    const auto wait_twice = [&] { c.recv(), c.recv(); };
    const auto send_in_a_second = [&] { sleep_for(1s), c.send(1); };
    all.go(wait_twice);
    send_in_a_second();  // it is off
    EXPECT_TRUE(set_block_rate(1));
    send_in_a_second();
    all.go(wait_twice);
    send_in_a_second();
    yield();  // a wait is counted when it has ended and runs
    EXPECT_TRUE(set_block_rate(0));
    send_in_a_second();  // and off again
    all.wait();
  });
  EXPECT_EQ(a.block, (sums{2, 2 * second}));
}

TEST(contention, sleeping_is_no_contention) {
  EXPECT_EQ(by(1, 1, [] { sleep_for(10s); }).block, sums());
}

// A tenth of the rate: one in ten is taken, for ten.
TEST(contention, short_blocks_are_sampled_in_proportion) {
  constexpr int n = 2000;
  const added a = by(second, 0, [] {
    chan<int> c(0);
    go([=] {
      for (int i = 0; i < n; ++i) {
        sleep_for(100ms);
        c.send(i);
      }
    });
    for (int i = 0; i < n; ++i) c.recv();
  });
  // Two hundred samples, give or take seven times what chance does.
  EXPECT_GT(a.block.count, n / 2);
  EXPECT_LT(a.block.count, n * 3 / 2);
  EXPECT_EQ(a.block.nanoseconds % second, 0);
  EXPECT_EQ(a.block.count * second / 10, a.block.nanoseconds);
}

// Three wait for a second: the holder is charged for all of them, once, and each says so himself.
TEST(contention, a_mutex_is_seen_from_both_sides) {
  const added a = by(0, 1, [] {
    mutex m;
    wait_group all;
    m.lock();
    for (int i = 0; i < 3; ++i) {
      all.go([&] {
        m.lock();
        m.unlock();
      });
    }
    sleep_for(1s);
    m.unlock();
    all.wait();
  });
  EXPECT_EQ(a.holder.nanoseconds, 3 * second);
  EXPECT_GE(a.holder.count, 1);
  EXPECT_EQ(a.waiter, (sums{3, 3 * second}));
  EXPECT_EQ(a.block, sums());
}

TEST(contention, readers_and_writers_are_seen_from_both_sides) {
  const added read = by(0, 1, [] {
    shared_mutex m;
    wait_group all;
    m.lock();
    for (int i = 0; i < 3; ++i) {
      all.go([&] {
        m.lock_shared();
        m.unlock_shared();
      });
    }
    sleep_for(1s);
    m.unlock();
    all.wait();
  });
  EXPECT_EQ(read.holder, (sums{3, 3 * second}));
  EXPECT_EQ(read.waiter, (sums{3, 3 * second}));
  const added written = by(0, 1, [] {
    shared_mutex m;
    wait_group all;
    m.lock_shared();
    all.go([&] {
      m.lock();
      m.unlock();
    });
    sleep_for(2s);
    m.unlock_shared();
    all.wait();
  });
  EXPECT_EQ(written.holder, (sums{1, 2 * second}));
  EXPECT_EQ(written.waiter, (sums{1, 2 * second}));
}

// Every fifth of them, for five.
TEST(contention, a_fraction_is_weighted) {
  constexpr int n = 1000;
  const added a = by(0, 5, [] {
    mutex m;
    for (int i = 0; i < n; ++i) {
      m.lock();
      wait_group one;
      one.go([&] {
        m.lock();
        m.unlock();
      });
      sleep_for(1s);
      m.unlock();
      one.wait();
    }
  });
  EXPECT_EQ(a.waiter.count % 5, 0);
  EXPECT_EQ(a.waiter.nanoseconds, a.waiter.count * second);
  EXPECT_GT(a.waiter.count, n / 2);
  EXPECT_LT(a.waiter.count, n * 3 / 2);
  EXPECT_GT(a.holder.nanoseconds, n / 2 * second);
  EXPECT_LT(a.holder.nanoseconds, n * 3 / 2 * second);
}

// Threads that are no goroutines wait, too.
TEST(contention, threads_are_counted) {
  const sums before = total(contention::block);
  start({.workers = 1});
  ASSERT_TRUE(set_block_rate(1));
  chan<int> c(0);
  go([=] { c.send(1); });
  c.recv();
  go([=] {
    test::until_waiting(wait_reason::chan_receive);
    c.send(1);
  });
  c.recv();
  set_block_rate(0);
  EXPECT_GE(total(contention::block).count - before.count, 1);
  stop();
}

// Everybody at once, everything on: sums stay plausible, nothing breaks.
RUNTIME_TEST(contention, survives_everybody_at_once) {
  ASSERT_TRUE(set_block_rate(1));
  ASSERT_TRUE(set_mutex_fraction(1));
  const sums before = total(contention::waiter);
  mutex m;
  chan<int> c(1);
  wait_group all;
  int n = 0;
  for (int i = 0; i < 8; ++i) {
    all.go([&] {
      for (int j = 0; j < 200; ++j) {
        c.send(j);
        m.lock();
        ++n;
        m.unlock();
        c.recv();
      }
    });
  }
  all.wait();
  set_block_rate(0);
  set_mutex_fraction(0);
  EXPECT_EQ(n, 1600);
  EXPECT_GE(total(contention::waiter).nanoseconds, before.nanoseconds);
  EXPECT_EQ(contentions_lost(), 0u);
}

}  // namespace
}  // namespace taut::rt
