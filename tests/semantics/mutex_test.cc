// SPDX-License-Identifier: Apache-2.0
// The MUTEX rules of docs/semantics.md.
#include "taut/mutex.h"

#include <chrono>
#include <deque>
#include <mutex>
#include <thread>

#include "support/fixture.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;

RUNTIME_TEST(mutex_rules, MUTEX_01_one_holder_at_a_time) {
  mutex m;
  wait_group all;
  int inside = 0, most = 0, sum = 0;
  for (int i = 0; i < 8; ++i) {
    all.go([&] {
      for (int n = 0; n < 200; ++n) {
        std::scoped_lock hold(m);
        most = std::max(most, ++inside);
        if (n % 16 == 0) yield();
        ++sum;
        --inside;
      }
    });
  }
  all.wait();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(sum, 1600);
}

RUNTIME_TEST(mutex_rules, MUTEX_02_unlock_happens_before_the_next_lock) {
  mutex m;
  wait_group all;
  int plain = 0;  // a race detector watches it
  m.lock();
  all.go([&] {
    std::scoped_lock hold(m);
    EXPECT_EQ(plain, 7);
  });
  until_waiting(wait_reason::mutex_lock);
  plain = 7;
  m.unlock();
  all.wait();
}

RUNTIME_TEST(mutex_rules, MUTEX_03_try_lock_fails_while_held) {
  mutex m;
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(m.try_lock());
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

RUNTIME_TEST(mutex_rules, MUTEX_04_unlock_of_unlocked_panics) {
  mutex m;
  EXPECT_EQ(panic_of([&] { m.unlock(); }), "sync: unlock of unlocked mutex");
  m.lock();
  m.unlock();
  EXPECT_EQ(panic_of([&] { m.unlock(); }), "sync: unlock of unlocked mutex");
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

RUNTIME_TEST(mutex_rules, MUTEX_05_unlock_of_anothers_mutex_panics) {
  mutex m;
  wait_group other;
  m.lock();
  other.go([&] {
    EXPECT_EQ(panic_of([&] { m.unlock(); }),
              "sync: unlock of a mutex that another goroutine holds");
  });
  other.wait();
  EXPECT_FALSE(m.try_lock());
  m.unlock();
}

constinit mutex global;

RUNTIME_TEST(mutex_rules, MUTEX_06_constant_initialised) {
  std::scoped_lock hold(global);
  EXPECT_FALSE(global.try_lock());
}

RUNTIME_TEST(mutex_rules, MUTEX_07_a_second_lock_by_the_holder_blocks_for_ever) {
  static std::deque<mutex> kept;  // the goroutine that is left behind still waits for it
  mutex& m = kept.emplace_back();
  leave_behind(1);
  bool passed = false;
  go([&] {
    m.lock();
    m.lock();
    passed = true;
  });
  until_waiting(wait_reason::mutex_lock);
  let_others_run();
  EXPECT_EQ(waiting(wait_reason::mutex_lock), 1u);
  EXPECT_FALSE(passed);
}

RUNTIME_TEST(mutex_rules, MUTEX_08_a_starving_waiter_is_served_before_newcomers) {
  mutex m;
  wait_group hot;
  std::atomic<bool> stop{false};
  for (int i = 0; i < 2; ++i) {
    hot.go([&] {
      while (!stop.load()) {
        std::scoped_lock hold(m);
        const auto until_then = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
        while (std::chrono::steady_clock::now() < until_then) {
        }
      }
    });
  }
  // Without a hand-over the hot ones, which run already, would win nearly every time.
  for (int i = 0; i < 20; ++i) {
    m.lock();
    m.unlock();
    yield();
  }
  stop.store(true);
  hot.wait();
}

RUNTIME_THREAD_TEST(mutex_rules, MUTEX_09_threads_wait_too) {
  mutex m;
  int sum = 0;
  std::thread threads[2];
  wait_group all;
  const auto work = [&] {
    for (int n = 0; n < 200; ++n) {
      std::scoped_lock hold(m);
      ++sum;
    }
  };
  for (auto& t : threads) t = std::thread(work);
  for (int i = 0; i < 2; ++i) all.go(work);
  work();
  all.wait();
  for (auto& t : threads) t.join();
  EXPECT_EQ(sum, 1000);
  m.lock();
  std::thread([&] {
    EXPECT_EQ(panic_of([&] { m.unlock(); }),
              "sync: unlock of a mutex that another goroutine holds");
  }).join();
  m.unlock();
}

}  // namespace
}  // namespace taut::test
