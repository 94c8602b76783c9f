// SPDX-License-Identifier: Apache-2.0
#include "arch/stack.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstring>

namespace taut::rt {
namespace {

constexpr std::size_t size = std::size_t{16} << 10;

// A slab whose slots all have their guard.
struct guarded {
  stack_slab slab;
  explicit guarded(std::size_t count) : slab(map_stacks(size, count)) {
    for (std::size_t i = 0; slab.base != nullptr && i < count; ++i)
      EXPECT_EQ(guard_stacks(slab, i, 1), 1u);
  }
  ~guarded() {
    if (slab.base != nullptr) unmap_stacks(slab);
  }
  std::size_t touched(std::size_t i) const { return touched_stack(slab.low(i), slab.high(i)); }
};

TEST(stack, slots_lie_side_by_side_with_a_guard_below_each) {
  guarded g(4);
  ASSERT_NE(g.slab.base, nullptr);
  EXPECT_EQ(g.slab.low(0), g.slab.base + page_size);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(g.slab.high(i) - g.slab.low(i), static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(g.slab.low(i), g.slab.base + i * (size + page_size) + page_size);
  }
  const auto base = reinterpret_cast<std::uintptr_t>(g.slab.base);
  EXPECT_TRUE(g.slab.contains(base));
  EXPECT_TRUE(g.slab.contains(reinterpret_cast<std::uintptr_t>(g.slab.high(3)) - 1));
  EXPECT_FALSE(g.slab.contains(base - 1));
  EXPECT_FALSE(g.slab.contains(reinterpret_cast<std::uintptr_t>(g.slab.high(3))));
}

TEST(stack, every_byte_of_a_stack_is_usable) {
  guarded g(3);
  ASSERT_NE(g.slab.base, nullptr);
  for (std::size_t i = 0; i < 3; ++i) std::memset(g.slab.low(i), static_cast<int>(i + 1), size);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(static_cast<int>(*g.slab.low(i)), static_cast<int>(i + 1));
    EXPECT_EQ(static_cast<int>(*(g.slab.high(i) - 1)), static_cast<int>(i + 1));
  }
}

void write_to(std::byte* p) { *const_cast<volatile std::byte*>(p) = std::byte{1}; }

TEST(stack_death_test, every_guard_faults_on_its_first_and_last_byte) {
  guarded g(3);
  ASSERT_NE(g.slab.base, nullptr);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_DEATH(write_to(g.slab.low(i) - 1), "") << i;
    EXPECT_DEATH(write_to(g.slab.low(i) - page_size), "") << i;
    write_to(g.slab.low(i));
    if (i > 0) write_to(g.slab.low(i) - page_size - 1);  // the stack below ends there
  }
}

TEST(stack_death_test, guards_made_together_are_guards) {
  constexpr std::size_t count = 100;  // more than one call takes
  stack_slab slab = map_stacks(size, count);
  ASSERT_NE(slab.base, nullptr);
  ASSERT_EQ(guard_stacks(slab, 1, count - 1), count - 1);
  for (std::size_t i : {1, 2, 63, 64, 65, 66, 99}) {
    EXPECT_DEATH(write_to(slab.low(i) - 1), "") << i;
    EXPECT_DEATH(write_to(slab.low(i) - page_size), "") << i;
    EXPECT_LE(touched_stack(slab.low(i), slab.high(i)), page_size) << "no more than the top";
    write_to(slab.low(i));
    write_to(slab.high(i) - 1);
  }
  write_to(slab.low(0) - 1);  // not asked for
  unmap_stacks(slab);
}

TEST(stack_death_test, a_guard_outlives_the_release_of_its_stack) {
  guarded g(2);
  ASSERT_NE(g.slab.base, nullptr);
  std::memset(g.slab.low(1), 1, size);
  release_stack(g.slab, 1);
  EXPECT_DEATH(write_to(g.slab.low(1) - 1), "");
}

TEST(stack, touched_counts_from_the_top_to_the_lowest_page) {
  guarded g(2);
  ASSERT_NE(g.slab.base, nullptr);
  EXPECT_EQ(g.touched(0), 0u);
  write_to(g.slab.high(0) - 1);
  EXPECT_EQ(g.touched(0), page_size);
  write_to(g.slab.high(0) - 3 * page_size);
  EXPECT_EQ(g.touched(0), 3 * page_size);
  write_to(g.slab.low(0));
  EXPECT_EQ(g.touched(0), size);
  EXPECT_EQ(g.touched(1), 0u);
}

TEST(stack, touched_looks_beyond_one_batch_of_pages) {
  stack_slab big = map_stacks(std::size_t{1} << 20, 1);
  ASSERT_NE(big.base, nullptr);
  ASSERT_EQ(guard_stacks(big, 0, 1), 1u);
  write_to(big.high(0) - 1);
  EXPECT_EQ(touched_stack(big.low(0), big.high(0)), page_size);
  write_to(big.high(0) - 100 * page_size);
  EXPECT_EQ(touched_stack(big.low(0), big.high(0)), 100 * page_size);
  unmap_stacks(big);
  EXPECT_EQ(big.base, nullptr);
}

TEST(stack, release_gives_the_pages_back) {
  guarded g(3);
  ASSERT_NE(g.slab.base, nullptr);
  for (std::size_t i = 0; i < 3; ++i) std::memset(g.slab.low(i), 7, size);
  release_stack(g.slab, 1);
  EXPECT_EQ(g.touched(0), size);
  EXPECT_EQ(g.touched(1), 0u);
  EXPECT_EQ(g.touched(2), size);
  EXPECT_EQ(static_cast<int>(*g.slab.low(1)), 0);  // a new page
  EXPECT_EQ(static_cast<int>(*(g.slab.high(0) - 1)), 7);
  EXPECT_EQ(static_cast<int>(*g.slab.low(2)), 7);
}

TEST(stack, without_address_space_there_is_no_slab) {
  const stack_slab s = map_stacks(std::size_t{1} << 40, 1 << 10);
  EXPECT_EQ(s.base, nullptr);
}

}  // namespace
}  // namespace taut::rt
