// SPDX-License-Identifier: Apache-2.0
// Heap profiles of this program, which links the hook. Skipped with a sanitizer, which has an
// allocator of its own.
#include "taut/heap.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "heap/sampler.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/debug.h"
#include "taut/wait_group.h"
#include "unit/debug/decoded.h"

namespace {

using taut::debug::profile;

constexpr std::size_t default_rate = 512 << 10;

// Samples everything as long as it lives.
class everything {
 public:
  everything() { taut::heap::set_sample_rate(1); }
  ~everything() { taut::heap::set_sample_rate(default_rate); }
};

#define NEEDS_HOOK() \
  if (!taut::heap::sampling()) GTEST_SKIP() << "built with a sanitizer, which replaces malloc"

struct sums {
  std::int64_t alloc_objects = 0, alloc_space = 0, inuse_objects = 0, inuse_space = 0;
};

// What the profile has of stacks through the function. Nothing is sampled meanwhile: what the
// profile allocates itself would make the next one long. Values are scaled by `scale` as a rate.
sums of(const std::string& function, std::size_t scale = 0) {
  const std::size_t rate = taut::heap::sample_rate();
  taut::heap::set_sample_rate(scale);
  std::string text = profile("heap").text(0);
  const auto p = taut::test::decode(text);
  sums s;
  for (const auto& sample : p.samples) {
    const auto names = p.names_of(sample);
    if (std::ranges::none_of(names,
                             [&](const std::string& n) { return n.find(function) != n.npos; }))
      continue;
    s.alloc_objects += sample.values.at(0);
    s.alloc_space += sample.values.at(1);
    s.inuse_objects += sample.values.at(2);
    s.inuse_space += sample.values.at(3);
  }
  taut::heap::set_sample_rate(rate);
  return s;
}

// What was sampled of this size, exactly and by any stack.
sums of_size(std::size_t size) {
  sums s;
  for (auto p = taut::rt::the_heap_samples().places(); p != nullptr; p = p->next) {
    if (p->block_size != taut::rt::size_class_of(size)) continue;
    const auto freed = static_cast<std::int64_t>(p->freed.load());
    const auto allocated = static_cast<std::int64_t>(p->allocated.load());
    s.alloc_objects += allocated;
    s.inuse_objects += allocated - freed;
  }
  return s;
}

[[gnu::noinline]] void* keep_here(std::size_t n) {
  void* block = std::malloc(n);
  asm volatile("" : "+r"(block)::"memory");
  return block;
}

TEST(heap, counts_what_is_in_use) {
  NEEDS_HOOK();
  const everything all;
  const sums before = of("keep_here");
  EXPECT_EQ(before.inuse_objects, 0);
  void* a = keep_here(100);
  void* b = keep_here(1000);
  sums s = of("keep_here");
  EXPECT_EQ(s.inuse_objects, 2);
  EXPECT_EQ(s.inuse_space, 1100);
  std::free(a);
  s = of("keep_here");
  EXPECT_EQ(s.inuse_objects, 1);
  EXPECT_EQ(s.inuse_space, 1000);
  EXPECT_EQ(s.alloc_objects, before.alloc_objects + 2);
  EXPECT_EQ(s.alloc_space, before.alloc_space + 1100);
  std::free(b);
  EXPECT_EQ(of("keep_here").inuse_space, 0);
}

template <int Way>
[[gnu::noinline]] void* allocate_by() {
  void* block = nullptr;
  if constexpr (Way == 0) block = std::calloc(10, 10);
  if constexpr (Way == 1) block = std::realloc(nullptr, 100);
  if constexpr (Way == 2) block = std::aligned_alloc(64, 128);
  if constexpr (Way == 3) {
    EXPECT_EQ(::posix_memalign(&block, 4096, 100), 0);
  }
  if constexpr (Way == 4) block = ::memalign(32, 100);
  if constexpr (Way == 5) block = ::operator new(100);
  if constexpr (Way == 6) block = ::operator new(128, std::align_val_t{64});
  if constexpr (Way == 7) block = ::strdup("a string that is copied");
  if constexpr (Way == 8) block = ::reallocarray(nullptr, 10, 10);
  asm volatile("" : "+r"(block)::"memory");
  return block;
}

template <int Way>
void check_way(void (*release)(void*)) {
  const sums before = of("allocate_by");
  void* block = allocate_by<Way>();
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(of("allocate_by").inuse_objects, before.inuse_objects + 1) << Way;
  release(block);
  EXPECT_EQ(of("allocate_by").inuse_objects, before.inuse_objects) << Way;
  EXPECT_EQ(of("allocate_by").alloc_objects, before.alloc_objects + 1) << Way;
}

TEST(heap, sees_every_way_to_allocate) {
  NEEDS_HOOK();
  const everything all;
  check_way<0>(std::free);
  check_way<1>(std::free);
  check_way<2>(std::free);
  check_way<3>(std::free);
  check_way<4>(std::free);
  check_way<5>([](void* p) { ::operator delete(p); });
  check_way<6>([](void* p) { ::operator delete(p, std::align_val_t{64}); });
  check_way<7>(std::free);
  check_way<8>(std::free);
}

[[gnu::noinline]] void* resize_here(void* block, std::size_t n) {
  void* now = std::realloc(block, n);
  asm volatile("" : "+r"(now)::"memory");
  return now;
}

TEST(heap, realloc_moves_a_block_to_where_it_was_resized) {
  NEEDS_HOOK();
  const everything all;
  void* block = keep_here(64);
  const std::int64_t before = of("keep_here").inuse_objects;
  block = resize_here(block, 100'000);
  EXPECT_EQ(of("keep_here").inuse_objects, before - 1);
  EXPECT_EQ(of("resize_here").inuse_space, 100'000);
  std::free(block);
  EXPECT_EQ(of("resize_here").inuse_space, 0);
}

// Sizes that nobody has: the block stays, and so does its sample.
TEST(heap, failures_count_as_nothing) {
  NEEDS_HOOK();
  const everything all;
  volatile std::size_t huge = ~std::size_t{0} / 2, all_of_it = ~std::size_t{0};
  void* block = keep_here(64);
  const sums before = of("keep_here");
  EXPECT_EQ(resize_here(block, huge), nullptr);
  EXPECT_EQ(resize_here(block, all_of_it), nullptr);
  EXPECT_EQ(of("keep_here").inuse_objects, before.inuse_objects);
  EXPECT_EQ(of("resize_here").inuse_space, 0);
  for (const std::size_t size : {std::size_t{huge}, std::size_t{all_of_it}})
    EXPECT_EQ(keep_here(size), nullptr);
  EXPECT_EQ(std::calloc(huge, 3), nullptr);
  void* to = nullptr;
  EXPECT_EQ(::posix_memalign(&to, 64, huge), ENOMEM);
  EXPECT_EQ(::posix_memalign(&to, 24, 100), EINVAL);
  EXPECT_EQ(::posix_memalign(&to, 4, 100), EINVAL);
  EXPECT_EQ(of("keep_here").alloc_objects, before.alloc_objects);
  std::free(block);
  std::free(nullptr);
  // A failure does not bring the next sample nearer or farther.
  block = keep_here(64);
  EXPECT_EQ(of("keep_here").alloc_objects, before.alloc_objects + 1);
  std::free(block);
}

TEST(heap, keeps_errno) {
  NEEDS_HOOK();
  const everything all;
  errno = 4711;
  void* block = keep_here(100);
  EXPECT_EQ(errno, 4711);
  std::free(block);
  EXPECT_EQ(errno, 4711);
}

TEST(heap, proto_is_gos) {
  NEEDS_HOOK();
  const everything all;
  void* block = keep_here(40'000);
  const auto p = taut::test::decode(profile("heap").text(0));
  using type = std::pair<std::string, std::string>;
  EXPECT_EQ(p.types, (std::vector<type>{{"alloc_objects", "count"},
                                        {"alloc_space", "bytes"},
                                        {"inuse_objects", "count"},
                                        {"inuse_space", "bytes"}}));
  EXPECT_EQ(p.period_type, type("space", "bytes"));
  EXPECT_EQ(p.period, 1);
  EXPECT_EQ(p.default_type, "inuse_space");
  bool found = false;
  for (const auto& sample : p.samples) {
    const auto names = p.names_of(sample);
    // What only allocates is nobody's place.
    EXPECT_FALSE(names.size() > 1 && names[0].starts_with("operator new")) << names[0];
    if (names.empty() || names[0].find("keep_here") == std::string::npos) continue;
    found = found || sample.numbers.at("bytes") == 40'960;
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(taut::test::decode(profile("allocs").text(0)).default_type, "alloc_space");
  std::free(block);
}

TEST(heap, text_is_gos) {
  NEEDS_HOOK();
  const everything all;
  void* block = keep_here(100'000'000);
  const std::string text = profile("heap").text(1);
  std::free(block);
  unsigned long long n[4];
  ASSERT_EQ(std::sscanf(text.c_str(), "heap profile: %llu: %llu [%llu: %llu] @ heap/2\n", &n[0],
                        &n[1], &n[2], &n[3]),
            4)
      << text.substr(0, 200);
  EXPECT_LE(n[0], n[2]);
  EXPECT_LE(n[1], n[3]);
  // The largest is the first.
  const std::size_t line = text.find('\n') + 1;
  EXPECT_TRUE(text.substr(line).starts_with("1: 100000000 [1: 100000000] @ 0x"))
      << text.substr(line, 200);
  const std::string frame = text.substr(text.find("\n#\t0x", line), 200);
  EXPECT_NE(frame.find("keep_here"), std::string::npos) << frame;
  EXPECT_NE(text.find("\n\n# runtime.MemStats\n# Alloc = "), std::string::npos);
}

// Sampled at Go's rate, what is in use is estimated well enough to find it.
[[gnu::noinline]] void* keep_for_estimate(std::size_t n) {
  void* block = std::malloc(n);
  asm volatile("" : "+r"(block)::"memory");
  return block;
}

TEST(heap, estimates_what_it_does_not_sample) {
  NEEDS_HOOK();
  taut::heap::set_sample_rate(8 << 10);
  constexpr std::size_t blocks = 20'000, size = 2'000;  // about 4,300 samples
  std::vector<void*> kept(blocks);
  for (void*& block : kept) block = keep_for_estimate(size);
  const sums s = of("keep_for_estimate", 8 << 10);
  for (void* block : kept) std::free(block);
  const sums after = of("keep_for_estimate");
  taut::heap::set_sample_rate(default_rate);
  EXPECT_NEAR(static_cast<double>(s.inuse_space), blocks * size, blocks * size * 0.1);
  EXPECT_NEAR(static_cast<double>(s.inuse_objects), blocks, blocks * 0.1);
  EXPECT_EQ(after.inuse_objects, 0);
}

// Blocks are freed by other threads than those that allocated them, while profiles are taken.
TEST(heap, threads_allocate_and_free_for_each_other) {
  NEEDS_HOOK();
  const everything all;
  constexpr std::size_t size = 47'777;  // nobody else's
  constexpr int threads = 4, rounds = 5'000;
  std::array<std::atomic<void*>, 64> shared{};
  std::atomic<int> running{threads};
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (int i = 0; i < rounds; ++i) {
        const auto at = static_cast<std::size_t>(i * 7 + t * 13) % shared.size();
        std::free(shared[at].exchange(std::malloc(size)));
      }
      --running;
    });
  }
  while (running != 0) {
    const sums now = of_size(size);
    EXPECT_GE(now.inuse_objects, 0);
  }
  for (std::thread& w : workers) w.join();
  EXPECT_EQ(of_size(size).inuse_objects, 64);
  for (auto& block : shared) std::free(block.load());
  const sums end = of_size(size);
  EXPECT_EQ(end.alloc_objects, threads * rounds);
  EXPECT_EQ(end.inuse_objects, 0);
}

using kilobyte = std::array<char, 1024>;
[[gnu::noinline]] std::unique_ptr<kilobyte> make_in_goroutine() {
  return std::make_unique<kilobyte>();
}

// Goroutines are on any worker's stack of any thread; their stacks are walked in place.
RUNTIME_THREAD_TEST(heap, goroutines_are_walked) {
  if (!taut::heap::sampling()) return;
  const everything all;
  const std::int64_t before = of("make_in_goroutine").inuse_objects;
  EXPECT_EQ(before, 0);
  taut::chan<std::unique_ptr<kilobyte>> made(8);
  taut::wait_group done;
  for (int g = 0; g < 8; ++g) {
    done.go([made] {
      for (int i = 0; i < 100; ++i) {
        made.send(make_in_goroutine());
        if (i % 10 == 0) taut::yield();
      }
    });
  }
  std::vector<std::unique_ptr<kilobyte>> kept;
  for (int i = 0; i < 800; ++i) kept.push_back(std::move(*made.recv()));
  done.wait();
  // A worker heeds the rate after 64 KiB.
  const std::int64_t seen = of("make_in_goroutine").inuse_objects;
  EXPECT_LE(seen, 800);
  EXPECT_GE(seen, 800 - 64 * static_cast<std::int64_t>(taut::test::current_options().workers + 2));
  kept.clear();
  EXPECT_EQ(of("make_in_goroutine").inuse_objects, 0);
}

// The child has the tables as they were, and their lock is free, whoever held it at the fork.
TEST(heap, works_after_fork) {
  NEEDS_HOOK();
  const everything all;
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (int t = 0; t < 2; ++t) {
    busy.emplace_back([&] {
      while (!stop) std::free(keep_here(100));
    });
  }
  void* kept = keep_here(12'345);
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(20);  // a child that hangs is killed
      for (int n = 0; n < 100; ++n) std::free(keep_here(100));
      const void* volatile address = kept;
      std::free(kept);
      ::_exit(taut::rt::the_heap_samples().may_have(address) ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0) << "round " << i;
  }
  stop = true;
  for (std::thread& t : busy) t.join();
  EXPECT_TRUE(taut::rt::the_heap_samples().may_have(kept));
  std::free(kept);
}

TEST(heap, rate_can_be_set) {
  taut::heap::set_sample_rate(12'345);
  EXPECT_EQ(taut::heap::sample_rate(), 12'345u);
  taut::heap::set_sample_rate(0);
  const std::int64_t before = taut::heap::sampling() ? of("keep_here").alloc_objects : 0;
  std::free(keep_here(1'000'000));
  if (taut::heap::sampling()) {
    EXPECT_EQ(of("keep_here").alloc_objects, before);
  }
  taut::heap::set_sample_rate(default_rate);
  EXPECT_EQ(taut::heap::lost().without_stack, 0u);
  EXPECT_EQ(taut::heap::lost().without_block, 0u);
}

// What a signal handler allocates while its thread is in the sampler is not sampled.
TEST(heap, a_busy_thread_is_left_alone) {
  taut_heap_thread t = {};
  t.busy = true;
  t.left = 100 - std::uint64_t{300};
  int block = 0;
  taut_heap_allocated(&t, &block, 300, nullptr);
  EXPECT_EQ(t.left, 100u);
  EXPECT_FALSE(taut::rt::the_heap_samples().may_have(&block));
}

}  // namespace
