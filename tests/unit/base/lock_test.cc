// SPDX-License-Identifier: Apache-2.0
#include "base/lock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace taut::rt {
namespace {

TEST(lock, excludes) {
  lock l{rank::registry};
  int plain = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        hold h(l);
        ++plain;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(plain, 80000);
  EXPECT_FALSE(l.held());
}

TEST(lock, try_acquire_fails_while_held) {
  lock l{rank::registry};
  ASSERT_TRUE(l.try_acquire());
  std::thread([&] { EXPECT_FALSE(l.try_acquire()); }).join();
  l.release();
  EXPECT_TRUE(l.try_acquire());
  l.release();
}

TEST(lock, the_order_is_a_partial_one) {
  // chan may be held while sched is taken, never the reverse.
  const auto chan_bit = 1u << static_cast<int>(rank::chan);
  const auto sched_bit = 1u << static_cast<int>(rank::sched);
  EXPECT_TRUE(may_hold[static_cast<int>(rank::sched)] & chan_bit);
  EXPECT_FALSE(may_hold[static_cast<int>(rank::chan)] & sched_bit);
}

#if defined(TAUT_CHECKS)
TEST(lock_death, a_violated_order_aborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto take_both = [](rank first, rank second) {
    lock a{first};
    lock b{second};
    a.acquire();
    b.acquire();
  };
  EXPECT_DEATH(take_both(rank::sched, rank::chan), "lock order");
  EXPECT_DEATH(take_both(rank::registry, rank::registry), "lock order");
}
#endif

}  // namespace
}  // namespace taut::rt
