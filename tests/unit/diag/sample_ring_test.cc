// SPDX-License-Identifier: Apache-2.0
// The ring between signal handlers and who collects: nothing comes twice or torn, a full one says
// so.
#include "diag/sample_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace taut::rt {
namespace {

constexpr auto fill_with = [](std::uint64_t n) {
  return [n](cpu_sample& s) {
    s.goroutine = n;
    s.frames = 2;
    s.pcs[0] = s.pcs[1] = n;
  };
};

TEST(sample_ring, keeps_the_order_and_says_when_it_is_full) {
  sample_ring ring;
  ASSERT_TRUE(ring.reset());
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t i = 0; i < sample_ring::slots; ++i) ASSERT_TRUE(ring.put(fill_with(i)));
    EXPECT_FALSE(ring.put(fill_with(0)));
    std::uint64_t next = 0;
    ring.take_all([&](const cpu_sample& s) { EXPECT_EQ(s.goroutine, next++); });
    EXPECT_EQ(next, sample_ring::slots);
  }
  EXPECT_TRUE(ring.put(fill_with(7)));
  ASSERT_TRUE(ring.reset());
  ring.take_all([](const cpu_sample&) { ADD_FAILURE() << "reset() left a sample"; });
}

TEST(sample_ring, loses_only_what_it_says) {
  sample_ring ring;
  ASSERT_TRUE(ring.reset());
  constexpr std::uint64_t writers = 3, each = 50'000;
  std::atomic<std::uint64_t> refused{0}, ended{0};
  std::vector<std::thread> threads;
  for (std::uint64_t w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      for (std::uint64_t i = 0; i < each; ++i) refused += !ring.put(fill_with(w * each + i));
      ++ended;
    });
  }
  std::vector<int> seen(writers * each);
  std::uint64_t taken = 0;
  auto take = [&] {
    ring.take_all([&](const cpu_sample& s) {
      ASSERT_LT(s.goroutine, seen.size());
      ++seen[s.goroutine];
      EXPECT_EQ(s.pcs[0], s.goroutine);
      EXPECT_EQ(s.pcs[1], s.goroutine);
      ++taken;
    });
  };
  while (ended < writers) take();
  take();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(taken + refused, writers * each);
  for (int n : seen) EXPECT_LE(n, 1);
}

}  // namespace
}  // namespace taut::rt
