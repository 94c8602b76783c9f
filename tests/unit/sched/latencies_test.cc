// SPDX-License-Identifier: Apache-2.0
// The histogram of how long goroutines were ready to run: its buckets, and who is measured.
#include "sched/latencies.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "base/clock.h"
#include "sched/runtime_state.h"
#include "support/fixture.h"
#include "taut/go.h"
#include "taut/wait_group.h"

namespace taut::rt {
namespace {

std::uint64_t measured() {
  std::uint64_t sum = 0;
  the_runtime().for_each_worker([&](worker* w) {
    for (const auto& count : w->latencies.counts) sum += count.load();
  });
  return sum;
}

// And those for whom somebody that is measured later will stand.
std::uint64_t chosen() {
  std::uint64_t sum = measured();
  the_runtime().for_each_worker([&](worker* w) { sum += w->passed_over.load(); });
  return sum;
}

TEST(latencies, a_bucket_holds_what_its_bound_allows) {
  using h = latency_histogram;
  EXPECT_EQ(h::bucket_of(0), 0);
  for (int i = 0; i + 1 < h::buckets; ++i) {
    EXPECT_EQ(h::bucket_of(h::bound_of(i)), i);
    EXPECT_EQ(h::bucket_of(h::bound_of(i) + 1), i + 1);
  }
  EXPECT_EQ(h::bucket_of(INT64_MAX), h::buckets - 1);
}

TEST(latencies, add_counts_and_sums) {
  latency_histogram h;
  h.add(10, 1);
  h.add(1000, 1);
  h.add(1001, 3);
  EXPECT_EQ(h.counts[0].load(), 1u);
  EXPECT_EQ(h.counts[latency_histogram::bucket_of(1000)].load(), 4u);
  EXPECT_EQ(h.sum.load(), 4013u);
}

// Every 64th, whoever makes it ready: goroutines that start, that yield, and those that a thread
// starts.
RUNTIME_TEST(latencies, one_in_64_counts) {
  constexpr int n = 64 * 20;
  const std::uint64_t before = chosen();
  wait_group all;
  for (int i = 0; i < n; ++i) all.go([] {});
  all.wait();
  const std::uint64_t started = chosen();
  // A worker's count may have been anywhere when it began, and one is being measured.
  const auto workers = static_cast<std::uint64_t>(the_runtime().worker_count.load());
  EXPECT_GE(started - before + 2 * workers, 20u);
  for (int i = 0; i < n; ++i) yield();
  EXPECT_GE(chosen() - started + 2 * workers, 20u);
}

// Who is measured when the time has come stands for all that were passed over.
TEST(latencies, one_is_measured_for_all_that_were_passed_over) {
  start({.workers = 1});
  run([] {
    for (int i = 0; i < 64 * 20; ++i) yield();
    const std::uint64_t before = measured(), passed_over = chosen() - before;
    // Again, for the watching thread sets the time, too.
    test::until([&] {
      refresh_coarse_time(coarse_now() + 1'000'000);
      for (int i = 0; i < 64; ++i) yield();
      return measured() != before;
    });
    EXPECT_GT(measured() - before, passed_over);
  });
  stop();
}

RUNTIME_THREAD_TEST(latencies, what_threads_start_is_measured) {
  const std::uint64_t before = measured();
  wait_group all;
  for (int i = 0; i < 64 * 4; ++i) all.go([] {});
  all.wait();
  EXPECT_GE(measured() - before, 4u);
}

}  // namespace
}  // namespace taut::rt
