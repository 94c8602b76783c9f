// SPDX-License-Identifier: Apache-2.0
// The COND rules of docs/semantics.md.
#include "taut/condition.h"

#include <chrono>
#include <mutex>
#include <vector>

#include "support/fixture.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

RUNTIME_TEST(condition_rules, COND_01_wait_gives_the_mutex_up_and_takes_it_again) {
  mutex m;
  condition changed;
  wait_group all;
  bool ready = false;
  all.go([&] {
    std::unique_lock hold(m);
    changed.wait(hold, [&] { return ready; });
    EXPECT_FALSE(m.try_lock());
  });
  until_waiting(wait_reason::cond_wait);
  {
    std::scoped_lock hold(m);
    ready = true;
  }
  changed.signal();
  all.wait();
}

RUNTIME_TEST(condition_rules, COND_02_signal_wakes_who_waited_longest) {
  mutex m;
  condition changed;
  wait_group all;
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) {
    all.go([&, i] {
      std::unique_lock hold(m);
      changed.wait(hold);
      order.push_back(i);
    });
    until_waiting(wait_reason::cond_wait, static_cast<std::size_t>(i) + 1);
  }
  for (int i = 0; i < 4; ++i) {
    changed.signal();
    until([&] {
      std::scoped_lock hold(m);
      return order.size() == static_cast<std::size_t>(i) + 1;
    });
  }
  all.wait();
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
}

RUNTIME_TEST(condition_rules, COND_03_broadcast_wakes_everybody) {
  mutex m;
  condition changed;
  wait_group all;
  for (int i = 0; i < 5; ++i) {
    all.go([&] {
      std::unique_lock hold(m);
      changed.wait(hold);
    });
  }
  until_waiting(wait_reason::cond_wait, 5);
  changed.broadcast();
  all.wait();
}

RUNTIME_TEST(condition_rules, COND_04_a_signal_wakes_exactly_one) {
  mutex m;
  condition changed;
  wait_group all;
  std::atomic<int> woken{0};
  for (int i = 0; i < 3; ++i) {
    all.go([&] {
      std::unique_lock hold(m);
      changed.wait(hold);
      ++woken;
    });
  }
  until_waiting(wait_reason::cond_wait, 3);
  changed.signal();
  until([&] { return woken.load() == 1; });
  let_others_run();
  EXPECT_EQ(woken.load(), 1);
  changed.broadcast();
  all.wait();
}

RUNTIME_TEST(condition_rules, COND_05_a_signal_without_waiters_is_lost) {
  mutex m;
  condition changed;
  changed.signal();
  changed.broadcast();
  std::unique_lock hold(m);
  EXPECT_EQ(changed.wait_until(hold, std::chrono::steady_clock::now() + 1ms).error(),
            errc::deadline_exceeded);
}

RUNTIME_TEST(condition_rules, COND_06_wait_without_the_mutex_panics) {
  mutex m;
  condition changed;
  EXPECT_EQ(panic_of([&] { changed.wait(m); }), "sync: condition wait without holding the mutex");
}

RUNTIME_TEST(condition_rules, COND_07_a_deadline_ends_a_wait_with_the_mutex_held) {
  mutex m;
  condition changed;
  std::unique_lock hold(m);
  const auto deadline = std::chrono::steady_clock::now() + 2ms;
  EXPECT_EQ(changed.wait_until(hold, deadline).error(), errc::deadline_exceeded);
  EXPECT_GE(std::chrono::steady_clock::now(), deadline);
  EXPECT_FALSE(m.try_lock());
  EXPECT_EQ(changed.wait_until(hold, deadline, [] { return false; }).error(),
            errc::deadline_exceeded);
  EXPECT_TRUE(changed.wait_until(hold, deadline, [] { return true; }));
}

RUNTIME_TEST(condition_rules, COND_08_no_signal_is_missed_between_unlock_and_sleep) {
  mutex m;
  condition changed;
  wait_group all;
  int turn = 0;
  for (int i = 0; i < 2; ++i) {
    all.go([&, i] {
      for (int n = 0; n < 300; ++n) {
        std::unique_lock hold(m);
        changed.wait(hold, [&] { return turn % 2 == i; });
        ++turn;
        changed.signal();
      }
    });
  }
  all.wait();
  EXPECT_EQ(turn, 600);
}

}  // namespace
}  // namespace taut::test
