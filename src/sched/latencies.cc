// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  relaxed: counters; those of a worker have one writer.
#include "sched/latencies.h"

#include <algorithm>
#include <bit>

#include "base/clock.h"
#include "sched/dispatch.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

std::atomic<std::uint32_t> made_ready_by_threads{0};

}  // namespace

int latency_histogram::bucket_of(std::int64_t nanoseconds) noexcept {
  if (nanoseconds <= least) return 0;
  const int bits = std::bit_width(static_cast<std::uint64_t>((nanoseconds - 1) / least));
  return std::min(bits, buckets - 1);
}

void latency_histogram::add(std::int64_t nanoseconds) noexcept {
  count_up(counts[bucket_of(nanoseconds)]);
  sum.store(sum.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(nanoseconds),  // MO-1
            std::memory_order_relaxed);                                                     // MO-1
}

void choose_measured(goroutine* leaving) noexcept {
  // One that does not wait yields, and is ready now; or it has ended.
  if (leaving->state.load(std::memory_order_relaxed) == goroutine_state::waiting) {  // MO-1
    leaving->add_unusual(unusual::measure);
  } else {
    begin_measuring(leaving);
  }
}

void begin_measuring(goroutine* g) noexcept {
  g->drop_unusual(unusual::measure);
  g->add_unusual(unusual::measured);
  g->ready_since = real_now();
}

void note_ready_by_thread(goroutine* g) noexcept {
  const std::uint32_t n = made_ready_by_threads.fetch_add(1, std::memory_order_relaxed);  // MO-1
  if (n % measured_every == 0) begin_measuring(g);
}

void end_measuring(worker* w, goroutine* g) noexcept {
  w->latencies.add(std::max<std::int64_t>(real_now() - g->ready_since, 0));
}

}  // namespace rt
TAUT_END_NAMESPACE
