// SPDX-License-Identifier: Apache-2.0
// What a timer costs that is armed and stopped before it fires, as most are.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "base/clock.h"
#include "sched/timers.h"
#include "taut/taut.h"

namespace {

// With `range` others in the heap.
void timer_arm_cancel(benchmark::State& state) {
  taut::run([&] {
    std::vector<std::unique_ptr<taut::rt::timer>> others;
    const std::int64_t later = taut::rt::now() + 3'600'000'000'000;
    auto never = [](taut::rt::timer&, std::int64_t) { return taut::rt::no_deadline; };
    for (int i = 0; i < state.range(0); ++i) {
      others.push_back(std::make_unique<taut::rt::timer>());
      others.back()->fire = never;
      arm(*others.back(), later + i * 7919 % 1000);
    }
    taut::rt::timer t;
    t.fire = never;
    std::int64_t deadline = later;
    for (auto _ : state) {
      arm(t, ++deadline);
      benchmark::DoNotOptimize(disarm(t));
    }
    for (auto& o : others) disarm(*o);
  });
}
BENCHMARK(timer_arm_cancel)->Arg(0)->Arg(10000);

void make_and_stop_timer(benchmark::State& state) {
  taut::run([&] {
    for (auto _ : state) taut::timer t(std::chrono::hours(1));
  });
}
BENCHMARK(make_and_stop_timer);

}  // namespace
