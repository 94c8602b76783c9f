// SPDX-License-Identifier: Apache-2.0
#include "arch/tls_range.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace taut::rt {
namespace {

thread_local int one_of_mine;
thread_local char large_of_mine[5000];

bool holds(const tls_range& r, const void* p) {
  const auto at = reinterpret_cast<std::uintptr_t>(p);
  return find_tls_pointer(r, &at, &at + 1) != nullptr;
}

// What must be found and what must not, of the thread that calls.
void check_this_thread() {
  const tls_range r = measure_tls();
  EXPECT_TRUE(holds(r, &errno));
  EXPECT_TRUE(holds(r, &one_of_mine));
  EXPECT_TRUE(holds(r, large_of_mine));
  EXPECT_TRUE(holds(r, large_of_mine + sizeof large_of_mine - 1));
  EXPECT_TRUE(holds(r, reinterpret_cast<void*>(::pthread_self())));
  int on_stack = 0;
  auto on_heap = std::make_unique<int>(1);
  EXPECT_FALSE(holds(r, &on_stack));
  EXPECT_FALSE(holds(r, on_heap.get()));
  EXPECT_FALSE(holds(r, nullptr));
  EXPECT_FALSE(holds(r, reinterpret_cast<const void*>(&check_this_thread)));
}

TEST(tls_range, of_the_main_thread) { check_this_thread(); }

TEST(tls_range, of_another_thread) { std::thread(check_this_thread).join(); }

TEST(tls_range, of_another_thread_is_not_mine) {
  const tls_range mine = measure_tls();
  std::thread([&] {
    EXPECT_FALSE(holds(mine, &errno));
    EXPECT_FALSE(holds(mine, &one_of_mine));
    const tls_range theirs = measure_tls();
    EXPECT_TRUE(theirs.low + theirs.size <= mine.low || mine.low + mine.size <= theirs.low);
  }).join();
}

// A thread's descriptor is the last thing in its stack's mapping; what somebody mapped right behind
// must not count.
TEST(tls_range, ends_with_the_threads_mapping) {
  std::thread([] {
    const tls_range r = measure_tls();
    pthread_attr_t attributes;
    ASSERT_EQ(::pthread_getattr_np(::pthread_self(), &attributes), 0);
    void* base = nullptr;
    std::size_t size = 0;
    ASSERT_EQ(::pthread_attr_getstack(&attributes, &base, &size), 0);
    ::pthread_attr_destroy(&attributes);
    auto* end = static_cast<std::byte*>(base) + size;
    EXPECT_FALSE(holds(r, end));
    EXPECT_FALSE(holds(r, end + 64));
    EXPECT_FALSE(holds(r, end + 4096));
    // Nor what lies below its thread-locals: the stack itself.
    EXPECT_GT(r.low, reinterpret_cast<std::uintptr_t>(&r));
  }).join();
}

// The same among threads, whose stacks often lie side by side.
TEST(tls_range, neighbouring_threads_do_not_overlap) {
  constexpr int n = 32;
  std::vector<tls_range> all(n);
  std::vector<std::thread> threads;
  pthread_barrier_t together;
  ::pthread_barrier_init(&together, nullptr, n);
  for (int i = 0; i < n; ++i) {
    threads.emplace_back([&, i] {
      all[static_cast<std::size_t>(i)] = measure_tls();
      ::pthread_barrier_wait(&together);
    });
  }
  for (auto& t : threads) t.join();
  ::pthread_barrier_destroy(&together);
  std::sort(all.begin(), all.end(),
            [](const tls_range& a, const tls_range& b) { return a.low < b.low; });
  for (std::size_t i = 1; i < all.size(); ++i)
    EXPECT_LE(all[i - 1].low + all[i - 1].size, all[i].low);
}

TEST(tls_range, a_pointer_is_found_at_every_position) {
  const tls_range r = measure_tls();
  for (std::size_t length = 0; length < 14; ++length) {
    std::vector<std::uintptr_t> stack(length + 1, 0x1234);
    EXPECT_EQ(find_tls_pointer(r, stack.data(), stack.data() + length), nullptr);
    for (std::size_t at = 0; at < length; ++at) {
      stack[at] = reinterpret_cast<std::uintptr_t>(&errno);
      EXPECT_EQ(find_tls_pointer(r, stack.data(), stack.data() + length), stack.data() + at);
      stack[at] = 0x1234;
    }
    stack[length] = reinterpret_cast<std::uintptr_t>(&errno);  // behind the end
    EXPECT_EQ(find_tls_pointer(r, stack.data(), stack.data() + length), nullptr);
  }
}

TEST(tls_range, the_bounds_are_exact) {
  tls_range r;
  r.low = 0x1000;
  r.size = 0x100;
  r.extra[0] = {0x9000, 0x10};
  for (int extra = 0; extra < 2; ++extra) {
    r.extra_count = extra;
    EXPECT_FALSE(holds(r, reinterpret_cast<void*>(0xfff)));
    EXPECT_TRUE(holds(r, reinterpret_cast<void*>(0x1000)));
    EXPECT_TRUE(holds(r, reinterpret_cast<void*>(0x10ff)));
    EXPECT_FALSE(holds(r, reinterpret_cast<void*>(0x1100)));
    EXPECT_EQ(holds(r, reinterpret_cast<void*>(0x9000)), extra == 1);
    EXPECT_EQ(holds(r, reinterpret_cast<void*>(0x900f)), extra == 1);
    EXPECT_FALSE(holds(r, reinterpret_cast<void*>(0x9010)));
    EXPECT_FALSE(holds(r, reinterpret_cast<void*>(0x8fff)));
  }
}

}  // namespace
}  // namespace taut::rt
