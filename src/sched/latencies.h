// SPDX-License-Identifier: Apache-2.0
// How long goroutines are ready to run before they run. One in 64 is measured: the worker that
// makes it ready stamps it, the worker that dispatches it reads the clock again.
//
// Cost of what is not measured: one decrement and a branch when it is made ready, one load and a
// branch when it is dispatched, on cache lines that both touch anyway. Of what is: two readings of
// the clock.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/annotations.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct goroutine;
struct worker;

// Written by one worker. Bucket i counts what took at most least << i nanoseconds and more than
// bucket i - 1 allows; the last one everything else.
struct latency_histogram {
  static constexpr int buckets = 26;
  static constexpr std::int64_t least = 64;

  std::atomic<std::uint64_t> counts[buckets] = {};
  std::atomic<std::uint64_t> sum{0};  // nanoseconds

  static int bucket_of(std::int64_t nanoseconds) noexcept;
  // Nanoseconds; none for the last bucket.
  static constexpr std::int64_t bound_of(int bucket) noexcept { return least << bucket; }
  void add(std::int64_t nanoseconds) noexcept;
};

inline constexpr std::uint32_t measured_every = 64;

// w: the worker that makes g ready; null for a foreign thread, which measures one in 64 of all that
// such threads make ready.
TAUT_COLD void begin_measuring(worker* w, goroutine* g) noexcept;
TAUT_COLD void end_measuring(worker* w, goroutine* g) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
