// SPDX-License-Identifier: Apache-2.0
// Stacks with values: merged, ordered, subtracted.
#include "debug/stack_profile.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

namespace taut::rt {
namespace {

using namespace std::string_view_literals;

void add(stack_profile& p, std::initializer_list<std::uintptr_t> frames, std::int64_t value,
         std::string_view labels = {}) {
  p.add({frames.begin(), frames.size()}, labels, {&value, 1});
}

TEST(stack_profile, merges_equal_stacks) {
  stack_profile p{"goroutine"};
  for (int i = 0; i < 1000; ++i) {
    add(p, {1, 2, 3}, 1);
    add(p, {1, 2}, 1);
    add(p, {1, 2, 3}, 1, "k\0v\0"sv);
  }
  ASSERT_EQ(p.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(p.values_of(i)[0], 1000);
  EXPECT_EQ(p.total(), 3000);
}

// As a map would have it.
TEST(stack_profile, keeps_many_apart) {
  stack_profile p{"goroutine"};
  std::map<std::array<std::uintptr_t, 2>, std::int64_t> expected;
  for (std::uintptr_t i = 0; i < 20000; ++i) {
    const std::array<std::uintptr_t, 2> stack{i * 7919 % 3001, i % 11};
    p.add(stack, {}, std::array{std::int64_t{1}});
    ++expected[stack];
  }
  ASSERT_EQ(p.size(), expected.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto frames = p.frames_of(i);
    EXPECT_EQ(p.values_of(i)[0], (expected[{frames[0], frames[1]}]));
  }
}

TEST(stack_profile, orders_by_count_and_then_by_key) {
  stack_profile p{"goroutine"};
  add(p, {0x20}, 1);
  add(p, {0x10}, 1);
  add(p, {0x30}, 5);
  add(p, {0x10}, 1, "b\0x y\0"sv);
  p.sort();
  ASSERT_EQ(p.size(), 4u);
  EXPECT_EQ(p.key_of(0), "@ 0x30");
  EXPECT_EQ(p.key_of(1), "@ 0x10");
  EXPECT_EQ(p.key_of(2), "@ 0x10\n# labels: {\"b\":\"x y\"}");
  EXPECT_EQ(p.key_of(3), "@ 0x20");
  // What is added after it still finds its own.
  add(p, {0x20}, 7);
  EXPECT_EQ(p.size(), 4u);
  EXPECT_EQ(p.values_of(3)[0], 8);
}

TEST(stack_profile, subtracts_what_was) {
  stack_profile before{"goroutine"}, after{"goroutine"};
  before.time_nanos = 1000;
  after.time_nanos = 3500;
  add(before, {1}, 4);
  add(before, {2}, 2);
  add(before, {3}, 1);
  add(after, {1}, 4);
  add(after, {2}, 5);
  add(after, {4}, 6);
  after.subtract(before);
  after.sort();
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after.frames_of(0)[0], 4u);
  EXPECT_EQ(after.values_of(0)[0], 6);
  EXPECT_EQ(after.frames_of(1)[0], 2u);
  EXPECT_EQ(after.values_of(1)[0], 3);
  EXPECT_EQ(after.frames_of(2)[0], 3u);
  EXPECT_EQ(after.values_of(2)[0], -1);
  EXPECT_EQ(after.duration_nanos, 2500);
}

}  // namespace
}  // namespace taut::rt
