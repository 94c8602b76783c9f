// SPDX-License-Identifier: Apache-2.0
// How far up a thread's own stack may be read.
#include "diag/stack_areas.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <cstdint>
#include <memory>
#include <thread>

namespace taut::rt {
namespace {

std::uintptr_t here() { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

// What the C library says of the calling thread.
stack_bounds own_stack() {
  pthread_attr_t a;
  void* low = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(::pthread_getattr_np(::pthread_self(), &a), 0);
  EXPECT_EQ(::pthread_attr_getstack(&a, &low, &size), 0);
  ::pthread_attr_destroy(&a);
  return {reinterpret_cast<std::uintptr_t>(low), reinterpret_cast<std::uintptr_t>(low) + size};
}

void expect_own_stack() {
  const stack_areas areas = stack_areas::read();
  const stack_bounds own = own_stack(), found = areas.above(here());
  EXPECT_GT(found.high, here());
  EXPECT_GE(found.low, own.low);
  // The main thread's has the environment above what the library calls its stack.
  EXPECT_GE(found.high + 65536, own.high);
  volatile const char* last = reinterpret_cast<const char*>(found.high - 1);
  EXPECT_EQ(*last, *last);
}

TEST(stack_areas, know_the_main_thread) { expect_own_stack(); }
TEST(stack_areas, know_threads) { std::thread(expect_own_stack).join(); }

TEST(stack_areas, know_no_other_memory) {
  const stack_areas areas = stack_areas::read();
  const auto heap = std::make_unique<char[]>(1 << 20);
  EXPECT_EQ(areas.above(reinterpret_cast<std::uintptr_t>(heap.get())).high, 0u);
  EXPECT_EQ(areas.above(8).high, 0u);
  EXPECT_EQ(areas.above(UINTPTR_MAX).high, 0u);
  // Another thread's stack is not this one's.
  std::uintptr_t other = here();
  std::thread([&] {
    const stack_areas mine = stack_areas::read();
    const stack_bounds found = mine.above(here());
    EXPECT_FALSE(other >= found.low && other < found.high);
  }).join();
}

}  // namespace
}  // namespace taut::rt
