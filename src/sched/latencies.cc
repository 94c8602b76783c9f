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

constexpr std::int64_t least_between = 100'000;  // nanoseconds

std::atomic<std::uint32_t> made_ready_by_threads{0};

// How many choices there were since the last that was taken, this one too. 0: too soon.
std::uint32_t turns_since_measured(worker* w) noexcept {
  count_up(w->passed_over);
  const std::int64_t t = coarse_now();
  if (t - w->measured_at < least_between) return 0;
  w->measured_at = t;
  const std::uint32_t turns = w->passed_over.load(std::memory_order_relaxed);  // MO-1
  w->passed_over.store(0, std::memory_order_relaxed);                          // MO-1
  return turns;
}

}  // namespace

int latency_histogram::bucket_of(std::int64_t nanoseconds) noexcept {
  if (nanoseconds <= least) return 0;
  const int bits = std::bit_width(static_cast<std::uint64_t>((nanoseconds - 1) / least));
  return std::min(bits, buckets - 1);
}

void latency_histogram::add(std::int64_t nanoseconds, std::uint32_t times) noexcept {
  auto add_to = [](std::atomic<std::uint64_t>& n, std::uint64_t more) {
    n.store(n.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);  // MO-1
  };
  add_to(counts[bucket_of(nanoseconds)], times);
  add_to(sum, static_cast<std::uint64_t>(nanoseconds) * times);
}

void choose_measured(worker* w, goroutine* leaving) noexcept {
  if (leaving == nullptr) {
    count_up(w->passed_over);
    return;
  }
  const std::uint32_t turns = turns_since_measured(w);
  if (turns == 0) return;
  leaving->stands_for = turns;
  // One that does not wait yields, and is ready now.
  const bool yields =
      leaving->claim.load(std::memory_order_relaxed) == claim_state::none &&  // MO-1
      leaving->single.queue == nullptr;
  if (!yields) {
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

void choose_starting(worker* w, goroutine* g) noexcept {
  g->stands_for = turns_since_measured(w);
  if (g->stands_for != 0) begin_measuring(g);
}

void note_ready_by_thread(goroutine* g) noexcept {
  const std::uint32_t n = made_ready_by_threads.fetch_add(1, std::memory_order_relaxed);  // MO-1
  if (n % measured_every != 0) return;
  // Its worker may have chosen it, for more than itself.
  if ((g->unusual.load(std::memory_order_relaxed) & unusual::measured) != 0) return;  // MO-1
  g->stands_for = 1;
  begin_measuring(g);
}

void end_measuring(worker* w, goroutine* g) noexcept {
  w->latencies.add(std::max<std::int64_t>(real_now() - g->ready_since, 0), g->stands_for);
}

}  // namespace rt
TAUT_END_NAMESPACE
