// SPDX-License-Identifier: Apache-2.0
// note, clock, random, slab.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/note.h"
#include "base/random.h"
#include "base/slab.h"

namespace taut::rt {
namespace {

TEST(note, remembers_an_early_wake_up) {
  note n;
  n.wake();
  n.wake();
  EXPECT_TRUE(n.sleep());
  EXPECT_TRUE(n.is_set());
  n.reset();
  EXPECT_FALSE(n.is_set());
}

TEST(note, gives_up_after_its_timeout) {
  note n;
  EXPECT_FALSE(n.sleep(0));
  const std::int64_t before = real_now();
  EXPECT_FALSE(n.sleep(2'000'000));
  EXPECT_GE(real_now() - before, 2'000'000);
  EXPECT_FALSE(n.is_set());
}

TEST(note, wakes_a_sleeper) {
  note there, back;
  int plain = 0;
  std::thread other([&] {
    for (int i = 0; i < 2000; ++i) {
      there.sleep();
      there.reset();
      ++plain;
      back.wake();
    }
  });
  for (int i = 0; i < 2000; ++i) {
    there.wake();
    back.sleep();
    back.reset();
    EXPECT_EQ(plain, i + 1);
  }
  other.join();
}

TEST(clock, virtual_time_stands_until_it_is_moved) {
  EXPECT_FALSE(virtual_time());
  set_virtual_time(true);
  const std::int64_t start = now();
  EXPECT_EQ(now(), start);
  advance_virtual_time(start + 5'000);
  EXPECT_EQ(now(), start + 5'000);
  advance_virtual_time(start);  // never backwards
  EXPECT_EQ(now(), start + 5'000);
  EXPECT_EQ(coarse_now(), (start + 5'000) / coarse_unit * coarse_unit);
  set_virtual_time(false);
  EXPECT_FALSE(virtual_time());
  EXPECT_EQ(to_ns(to_time_point(123456789)), 123456789);
}

TEST(random, is_uniform_and_replays) {
  constexpr std::uint32_t buckets = 10;
  constexpr int draws = 100'000;
  random r(42), same(42);
  std::vector<int> counts(buckets);
  for (int i = 0; i < draws; ++i) {
    const std::uint32_t n = r.below(buckets);
    ASSERT_LT(n, buckets);
    EXPECT_EQ(n, same.below(buckets));
    ++counts[n];
  }
  double chi = 0;
  constexpr double expected = 1.0 * draws / buckets;
  for (int n : counts) chi += (n - expected) * (n - expected) / expected;
  EXPECT_LT(chi, 45);  // 9 degrees of freedom; fixed seed
}

TEST(slab, blocks_are_aligned_distinct_and_used_again) {
  for (std::size_t size : {1, 64, 65, 1000, 4096, 65536, 65537, 1 << 20}) {
    std::set<void*> seen;
    std::vector<void*> blocks;
    for (int i = 0; i < 40; ++i) {
      void* p = slab_take(size);
      ASSERT_NE(p, nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 64, 0u);
      EXPECT_TRUE(seen.insert(p).second);
      std::memset(p, i, size);
      blocks.push_back(p);
      EXPECT_EQ(slab_contains(reinterpret_cast<std::uintptr_t>(p)), size <= 65536);
    }
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(static_cast<unsigned char*>(blocks[static_cast<std::size_t>(i)])[size - 1], i);
      slab_give(blocks[static_cast<std::size_t>(i)], size);
    }
    if (size <= 65536) {
      void* again = slab_take(size);
      EXPECT_EQ(seen.count(again), 1u);
      slab_give(again, size);
    }
  }
  int local = 0;
  EXPECT_FALSE(slab_contains(reinterpret_cast<std::uintptr_t>(&local)));
}

}  // namespace
}  // namespace taut::rt
