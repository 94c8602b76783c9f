// SPDX-License-Identifier: Apache-2.0
// How long goroutines are ready to run before they run. One in 64 counts: who makes it ready stamps
// it, the worker that dispatches it reads the clock again.
//
// Each 64th dispatch chooses one: the goroutine that the worker leaves, the next time that it is
// made ready (at once, if it yields). Of those that start, the first of each 64 numbers that a
// worker fetches. Two readings of the clock are dear beside 64 switches, so a worker measures one
// in 100 us at most, and who is measured stands for those that were passed over: busy moments weigh
// as much as they should. What is not measured costs nothing but a bit of goroutine::unusual that
// is looked at anyway.
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
  void add(std::int64_t nanoseconds, std::uint32_t times) noexcept;
};

inline constexpr std::uint32_t measured_every = 64;

// Of the goroutine that worker w, the caller's, is about to leave; null: it has ended.
TAUT_NOINLINE void choose_measured(worker* w, goroutine* leaving) noexcept;
// g starts, on worker w.
TAUT_NOINLINE void choose_starting(worker* w, goroutine* g) noexcept;
// g is made ready, by its owner.
TAUT_COLD void begin_measuring(goroutine* g) noexcept;
// The same in a thread that is no worker: one in 64 of all that such threads make ready.
void note_ready_by_thread(goroutine* g) noexcept;
TAUT_COLD void end_measuring(worker* w, goroutine* g) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
