// SPDX-License-Identifier: Apache-2.0
// The WAITGROUP rules of docs/semantics.md.
#include "taut/wait_group.h"

#include <climits>
#include <memory>
#include <thread>

#include "support/fixture.h"

namespace taut::test {
namespace {

using rt::wait_reason;

RUNTIME_TEST(wait_group_rules, WAITGROUP_01_wait_at_zero_returns_at_once) {
  wait_group g;
  g.wait();
  g.add(1);
  g.done();
  g.wait();
}

RUNTIME_TEST(wait_group_rules, WAITGROUP_02_wait_returns_after_every_done) {
  wait_group g;
  int written[8] = {};
  for (int& w : written) {
    g.go([&w] {
      yield();
      w = 1;
    });
  }
  g.wait();
  for (int w : written) EXPECT_EQ(w, 1);
}

RUNTIME_TEST(wait_group_rules, WAITGROUP_03_a_negative_counter_panics) {
  wait_group g;
  EXPECT_EQ(panic_of([&] { g.done(); }), "sync: negative WaitGroup counter");
  g.add(1);
  EXPECT_EQ(panic_of([&] { g.add(-2); }), "sync: negative WaitGroup counter");
  g.done();
  g.wait();
}

RUNTIME_TEST(wait_group_rules, WAITGROUP_04_many_may_wait) {
  wait_group work, waiters;
  work.add(1);
  std::atomic<int> returned{0};
  for (int i = 0; i < 5; ++i) {
    waiters.go([&] {
      work.wait();
      ++returned;
    });
  }
  until_waiting(wait_reason::wait_group_wait, 5);
  EXPECT_EQ(returned.load(), 0);
  work.done();
  waiters.wait();
  EXPECT_EQ(returned.load(), 5);
}

RUNTIME_TEST(wait_group_rules, WAITGROUP_05_it_may_be_used_again) {
  wait_group g;
  std::atomic<int> ran{0};
  for (int round = 1; round <= 50; ++round) {
    for (int i = 0; i < 3; ++i) g.go([&] { ++ran; });
    g.wait();
    EXPECT_EQ(ran.load(), 3 * round);
  }
}

RUNTIME_TEST(wait_group_rules, WAITGROUP_06_it_may_be_destroyed_when_wait_returned) {
  for (int i = 0; i < 200; ++i) {
    auto g = std::make_unique<wait_group>();
    g->go([] {});
    g->go([] { yield(); });
    g->wait();
  }
}

RUNTIME_TEST(wait_group_rules, WAITGROUP_07_go_counts_a_goroutine_that_leaves_early) {
  wait_group g;
  g.go([] { goexit(); });
  g.wait();
}

RUNTIME_TEST(wait_group_rules, WAITGROUP_08_an_overflow_panics) {
  wait_group g;
  g.add(INT_MAX);
  EXPECT_EQ(panic_of([&] { g.add(1); }), "sync: WaitGroup counter overflow");
  g.add(-INT_MAX);
  g.wait();
}

RUNTIME_THREAD_TEST(wait_group_rules, WAITGROUP_09_threads_wait_too) {
  wait_group g;
  std::atomic<int> ran{0};
  for (int i = 0; i < 4; ++i) g.go([&] { ++ran; });
  g.add(1);
  std::thread other([&] {
    ++ran;
    g.done();
  });
  g.wait();
  EXPECT_EQ(ran.load(), 5);
  other.join();
}

}  // namespace
}  // namespace taut::test
