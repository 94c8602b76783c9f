// SPDX-License-Identifier: Apache-2.0
// The tables of samples and the choice of what is sampled, without the hook.
#include "heap/samples.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "heap/sampler.h"

namespace taut::rt {
namespace {

constexpr std::size_t filter_words = (1u << taut_heap_filter_bits) / 64;

struct table {
  explicit table(std::size_t place_bytes = 1 << 20, std::size_t blocks = 1 << 16)
      : samples(filter.get(), place_bytes, blocks) {}
  bool bit(const void* block) const {
    const std::uint32_t h = heap_hash(block);
    return (filter[h / 64].load() >> (h % 64) & 1) != 0;
  }
  const heap_place* place_of(std::uint64_t block_size) const {
    for (const heap_place* p = samples.places(); p != nullptr; p = p->next)
      if (p->block_size == block_size) return p;
    return nullptr;
  }

  std::unique_ptr<heap_samples::filter_word[]> filter{new heap_samples::filter_word[filter_words]};
  heap_samples samples;
};

const void* block(std::uintptr_t i) { return reinterpret_cast<const void*>(0x10000 + 16 * i); }
constexpr std::uintptr_t here[] = {1, 2, 3}, there[] = {1, 2, 4}, unknown = 99;

TEST(heap_samples, size_classes_are_an_eighth_wide) {
  EXPECT_EQ(size_class_of(0), 16u);
  EXPECT_EQ(size_class_of(16), 16u);
  EXPECT_EQ(size_class_of(17), 32u);
  EXPECT_EQ(size_class_of(256), 256u);
  EXPECT_EQ(size_class_of(257), 320u);
  std::uint64_t before = 0;
  for (std::uint64_t n = 1; n < 100'000; ++n) {
    const std::uint64_t c = size_class_of(n);
    ASSERT_GE(c, n);
    ASSERT_GE(c, before);
    ASSERT_EQ(size_class_of(c), c);
    if (n > 256) {
      ASSERT_LE(c - n, n / 4) << n;
    }
    before = c;
  }
  EXPECT_GE(size_class_of(~std::uint64_t{0}), ~std::uint64_t{0} / 2);
}

TEST(heap_samples, counts_by_stack_and_size_class) {
  table t;
  EXPECT_FALSE(t.samples.may_have(block(0)));
  EXPECT_TRUE(t.samples.add(block(0), 100, here, unknown));
  EXPECT_TRUE(t.samples.add(block(1), 110, here, unknown));
  EXPECT_TRUE(t.samples.add(block(2), 100, there, unknown));
  EXPECT_TRUE(t.samples.add(block(3), 1000, here, unknown));
  EXPECT_EQ(t.samples.place_count(), 3u);
  EXPECT_TRUE(t.samples.may_have(block(0)));
  EXPECT_TRUE(t.bit(block(0)));
  const heap_sample taken = t.samples.take(block(0));
  EXPECT_EQ(taken.size, 100u);
  ASSERT_NE(taken.place, nullptr);
  EXPECT_EQ(taken.place->allocated, 2u);
  EXPECT_EQ(taken.place->allocated_bytes, 210u);
  EXPECT_EQ(taken.place->freed, 1u);
  EXPECT_EQ(taken.place->freed_bytes, 100u);
  EXPECT_EQ(taken.place->block_size, 112u);
  EXPECT_FALSE(t.samples.may_have(block(0)));
  EXPECT_FALSE(t.bit(block(0)));
  EXPECT_EQ(t.samples.take(block(0)).place, nullptr);
  t.samples.put_back(block(0), taken);
  EXPECT_EQ(taken.place->freed, 0u);
  EXPECT_EQ(taken.place->freed_bytes, 0u);
  EXPECT_TRUE(t.samples.may_have(block(0)));
}

// Somebody freed it behind the hook's back, and its address came again.
TEST(heap_samples, a_block_that_is_there_already_was_freed) {
  table t;
  t.samples.add(block(0), 100, here, unknown);
  t.samples.add(block(0), 1000, there, unknown);
  EXPECT_EQ(t.place_of(112)->freed, 1u);
  EXPECT_EQ(t.place_of(1024)->freed, 0u);
  EXPECT_EQ(t.samples.take(block(0)).size, 1000u);
  EXPECT_EQ(t.samples.take(block(0)).place, nullptr);
}

TEST(heap_samples, stays_within_its_bounds) {
  table t(std::size_t{256} << 10, 1000);
  std::uintptr_t frames[heap_samples::most_frames + 10] = {};
  for (std::uintptr_t i = 0; i < 3000; ++i) {
    frames[0] = i;
    EXPECT_TRUE(t.samples.add(block(i), 48, frames, unknown));
  }
  EXPECT_LT(t.samples.place_count(), 260u);
  EXPECT_GT(t.samples.without_stack, 2700u);
  EXPECT_EQ(t.samples.without_block, 2000u);
  std::uint64_t allocated = 0, freed = 0;
  for (const heap_place* p = t.samples.places(); p != nullptr; p = p->next) {
    allocated += p->allocated;
    freed += p->freed;
    EXPECT_LE(p->frame_count, heap_samples::most_frames);
  }
  EXPECT_EQ(allocated, 3000u);
  EXPECT_EQ(freed, 2000u);
  for (std::uintptr_t i = 0; i < 3000; ++i) t.samples.take(block(i));
  for (std::size_t w = 0; w < filter_words; ++w) ASSERT_EQ(t.filter[w], 0u);
  // What was taken out makes room.
  t.samples.add(block(5000), 48, here, unknown);
  EXPECT_TRUE(t.samples.may_have(block(5000)));
}

// Readers walk chains while they change: a block that is there all the time is always found.
TEST(heap_samples, readers_need_no_lock) {
  table t;
  // All of one chain.
  std::vector<const void*> chain;
  for (std::uintptr_t i = 0; chain.size() < 5; ++i)
    if (heap_hash(block(i)) == heap_hash(block(0))) chain.push_back(block(i));
  t.samples.add(chain[0], 48, here, unknown);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) ASSERT_TRUE(t.samples.may_have(chain[0]));
  });
  for (int i = 0; i < 20'000; ++i) {
    for (std::size_t k = 1; k < chain.size(); ++k)
      t.samples.add(chain[k], 16 * k, i % 2 == 0 ? here : there, unknown);
    for (std::size_t k = 1; k < chain.size(); ++k)
      t.samples.take(chain[i % 2 == 0 ? k : chain.size() - k]);
  }
  stop = true;
  reader.join();
  std::uint64_t freed = 0;
  for (const heap_place* p = t.samples.places(); p != nullptr; p = p->next) freed += p->freed;
  EXPECT_EQ(freed, 80'000u);
}

TEST(heap_sampler, gaps_have_the_rate_as_their_mean) {
  std::uint64_t random = 1;
  double sum = 0;
  constexpr int n = 200'000;
  for (int i = 0; i < n; ++i) {
    const std::uint64_t gap = sample_gap(1000, random);
    ASSERT_GE(gap, 1u);
    sum += static_cast<double>(gap);
  }
  EXPECT_NEAR(sum / n, 1000.5, 15);
}

// Whatever the sizes, and although a thread looks every 64 KiB.
TEST(heap_sampler, samples_a_block_with_the_chance_that_its_scale_assumes) {
  constexpr double rate = 512 << 10;
  for (const std::uint64_t size : {48, 5'000, 70'000, 1'000'000}) {
    taut_heap_thread t = {};
    t.random = size;
    const int blocks = size < 1000 ? 20'000'000 : size < 100'000 ? 400'000 : 20'000;
    double sampled = 0;
    for (int i = 0; i < blocks; ++i) {
      const std::uint64_t left = t.left;
      if (size > left) {
        sampled += decide_sample(t, left, size, static_cast<std::uint64_t>(rate));
      } else {
        t.left -= size;
      }
    }
    const double wanted = blocks * -std::expm1(-static_cast<double>(size) / rate);
    EXPECT_NEAR(sampled / wanted, 1, 5 / std::sqrt(wanted)) << size;
  }
}

TEST(heap_sampler, rates_1_and_0_are_all_and_none) {
  taut_heap_thread t = {};
  t.random = 1;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(decide_sample(t, t.left, 1, 1));
    EXPECT_EQ(t.left, 0u);
  }
  EXPECT_FALSE(decide_sample(t, t.left, 1, 0));
  EXPECT_GT(t.left, 1000u);
}

}  // namespace
}  // namespace taut::rt
