// SPDX-License-Identifier: Apache-2.0
// The SEMAPHORE rules of docs/semantics.md.
#include "taut/semaphore.h"

#include <deque>
#include <string>

#include "support/fixture.h"
#include "taut/mutex.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;

RUNTIME_TEST(semaphore_rules, SEMAPHORE_01_no_more_units_than_there_are) {
  semaphore s(3);
  wait_group all;
  std::atomic<std::uint64_t> held{0};
  std::atomic<bool> too_many{false};
  for (std::uint64_t i = 0; i < 8; ++i) {
    all.go([&, n = i % 3 + 1] {
      for (int round = 0; round < 60; ++round) {
        s.acquire(n);
        if (held.fetch_add(n) + n > 3) too_many.store(true);
        if (round % 8 == 0) yield();
        held.fetch_sub(n);
        s.release(n);
      }
    });
  }
  all.wait();
  EXPECT_FALSE(too_many.load());
  EXPECT_TRUE(s.try_acquire(3));
  s.release(3);
}

RUNTIME_TEST(semaphore_rules, SEMAPHORE_02_a_large_request_holds_back_smaller_ones) {
  semaphore s(3);
  wait_group all;
  std::string order;
  mutex guard;
  const auto note = [&](const char* what) {
    guard.lock();
    order += what;
    guard.unlock();
  };
  s.acquire(2);
  all.go([&] {
    s.acquire(3);
    note("L");
    s.release(3);
  });
  until_waiting(wait_reason::semacquire);
  EXPECT_FALSE(s.try_acquire(1));
  all.go([&] {
    s.acquire(1);
    note("s");
    s.release(1);
  });
  until_waiting(wait_reason::semacquire, 2);
  s.release(1);
  let_others_run();
  EXPECT_EQ(order, "");
  s.release(1);
  all.wait();
  EXPECT_EQ(order, "Ls");
}

RUNTIME_TEST(semaphore_rules, SEMAPHORE_03_try_acquire_never_waits) {
  semaphore s(2);
  EXPECT_FALSE(s.try_acquire(3));
  EXPECT_TRUE(s.try_acquire(2));
  EXPECT_FALSE(s.try_acquire());
  s.release(2);
}

RUNTIME_TEST(semaphore_rules, SEMAPHORE_04_releasing_more_than_held_panics) {
  semaphore s(2);
  EXPECT_EQ(panic_of([&] { s.release(); }), "semaphore: released more than held");
  s.acquire();
  EXPECT_EQ(panic_of([&] { s.release(2); }), "semaphore: released more than held");
  s.release();
}

RUNTIME_TEST(semaphore_rules, SEMAPHORE_05_more_than_there_is_blocks_for_ever) {
  static std::deque<semaphore> kept;
  semaphore& s = kept.emplace_back(2);
  leave_behind(1);
  go([&] {
    s.acquire(3);
    ADD_FAILURE() << "more units than there are";
  });
  until_waiting(wait_reason::semacquire_never);
  // It holds nobody back.
  EXPECT_TRUE(s.try_acquire(2));
  s.release(2);
}

RUNTIME_TEST(semaphore_rules, SEMAPHORE_06_another_goroutine_may_release) {
  semaphore s(1);
  s.acquire();
  go([&] { s.release(); });
  s.acquire();
  s.release();
}

}  // namespace
}  // namespace taut::test
