// SPDX-License-Identifier: Apache-2.0
// What the benchmarks here share: each runs n operations on a goroutine, as Go's do with b.N, and
// is timed there. The argument w is the number of workers.
#pragma once

#include <benchmark/benchmark.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "taut/go.h"
#include "taut/runtime.h"
#include "taut/wait_group.h"

namespace peers {

// The runtime stays warm between the calls that Google Benchmark makes to find n, as Go's does.
inline void use_workers(int n) {
  if (taut::workers() == n) return;
  if (taut::workers() != 0) taut::stop();
  taut::start({.workers = n});
}

// Nanoseconds of CPU that all threads have used.
inline std::int64_t cpu_now() noexcept {
  timespec t = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

// A stop watch that a benchmark may pause.
class watch {
 public:
  void start() noexcept {
    cpu_since_ = cpu_now();
    since_ = std::chrono::steady_clock::now();
  }
  void stop() noexcept {
    spent_ += std::chrono::steady_clock::now() - since_;
    cpu_spent_ += cpu_now() - cpu_since_;
  }
  std::chrono::duration<double> spent() const noexcept { return spent_; }
  std::int64_t cpu_spent() const noexcept { return cpu_spent_; }

 private:
  std::int64_t cpu_since_ = 0;
  std::int64_t cpu_spent_ = 0;
  std::chrono::steady_clock::time_point since_;
  std::chrono::steady_clock::duration spent_{};
};

// Runs body(n, watch) once on a goroutine; body starts and stops the watch.
template <class F>
void measure_parts(benchmark::State& state, F body) {
  use_workers(static_cast<int>(state.range(0)));
  const auto n = state.max_iterations;
  while (state.KeepRunningBatch(n)) {
    watch time;
    taut::run([&] { body(static_cast<std::int64_t>(n), time); });
    state.SetIterationTime(time.spent().count());
    state.counters["cpu_ns"] = static_cast<double>(time.cpu_spent()) / static_cast<double>(n);
  }
}

// Runs body(n) once on a goroutine and times all of it.
template <class F>
void measure(benchmark::State& state, F body) {
  measure_parts(state, [&](std::int64_t n, watch& time) {
    time.start();
    body(n);
    time.stop();
  });
}

// Runs f(i) in n goroutines and returns when all have.
template <class F>
void together(int n, const F& f) {
  taut::wait_group group;
  group.add(n);
  for (int i = 0; i < n; ++i) {
    taut::go([&group, &f, i] {
      f(i);
      group.done();
    });
  }
  group.wait();
}

}  // namespace peers

// Registers peers::name for one worker and for two.
#define PEER(name) BENCHMARK(name)->ArgName("w")->Arg(1)->Arg(2)->UseManualTime()
