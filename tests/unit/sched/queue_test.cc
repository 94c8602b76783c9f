// SPDX-License-Identifier: Apache-2.0
// The run queues under concurrent thieves: nothing is lost, nothing comes twice.
#include "sched/run_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace taut::rt {
namespace {

// The queues never look behind the pointer.
goroutine* number(std::uintptr_t n) { return reinterpret_cast<goroutine*>((n + 1) * 64); }
std::size_t index_of(goroutine* g) { return reinterpret_cast<std::uintptr_t>(g) / 64 - 1; }

template <class Queue, class Own, class Steal>
void hammer(Own own, Steal steal) {
  constexpr std::size_t total = 200'000;
  static Queue q;
  std::vector<std::atomic<int>> seen(total);
  std::atomic<bool> pushed{false};
  std::atomic<std::size_t> taken{0};
  auto count = [&](goroutine* g) {
    ++seen[index_of(g)];
    ++taken;
  };
  std::vector<std::thread> thieves;
  for (int t = 0; t < 2; ++t) {
    thieves.emplace_back([&] {
      while (!pushed || taken < total) {
        if (goroutine* g = steal(q)) {
          count(g);
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::size_t i = 0; i < total; ++i) {
    while (!q.push(number(i))) {
      if (goroutine* g = own(q)) count(g);
    }
    if (i % 3 == 0) {
      if (goroutine* g = own(q)) count(g);
    }
  }
  pushed = true;
  while (goroutine* g = own(q)) count(g);
  for (std::thread& t : thieves) t.join();
  for (std::size_t i = 0; i < total; ++i) ASSERT_EQ(seen[i], 1) << i;
  EXPECT_TRUE(q.empty());
}

TEST(run_queue, loses_nothing) {
  auto pop = [](run_queue& q) { return q.pop(); };
  hammer<run_queue>(pop, pop);
}

TEST(fresh_queue, loses_nothing) {
  hammer<fresh_queue>([](fresh_queue& q) { return q.pop(); },
                      [](fresh_queue& q) { return q.steal(); });
}

TEST(run_queue, is_first_in_first_out_and_bounded) {
  run_queue q;
  for (std::uintptr_t i = 0; i < run_queue::capacity; ++i) EXPECT_TRUE(q.push(number(i)));
  EXPECT_FALSE(q.push(number(999)));
  EXPECT_EQ(q.size(), run_queue::capacity);
  for (std::uintptr_t i = 0; i < run_queue::capacity; ++i) EXPECT_EQ(q.pop(), number(i));
  EXPECT_EQ(q.pop(), nullptr);
}

TEST(fresh_queue, is_last_in_first_out_for_its_owner) {
  fresh_queue q;
  for (std::uintptr_t i = 0; i < 10; ++i) EXPECT_TRUE(q.push(number(i)));
  EXPECT_EQ(q.pop(), number(9));
  EXPECT_EQ(q.steal(), number(0));
  EXPECT_EQ(q.size(), 8u);
  for (std::uintptr_t i = 8; i >= 1; --i) EXPECT_EQ(q.pop(), number(i));
  EXPECT_EQ(q.pop(), nullptr);
  EXPECT_EQ(q.steal(), nullptr);
}

}  // namespace
}  // namespace taut::rt
