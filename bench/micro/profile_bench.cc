// SPDX-License-Identifier: Apache-2.0
// The goroutine profile of many parked goroutines, from the first look to the last byte: what
// /debug/pprof/goroutine costs a service. TAUT_BENCH_GOROUTINES says how many (100,000).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "debug/kinds.h"
#include "diag/snapshot.h"
#include "taut/chan.h"
#include "taut/debug.h"
#include "taut/go.h"
#include "taut/runtime.h"

namespace taut::rt {
namespace {

template <int Place>
[[gnu::noinline]] void wait_here(const chan<int>& gate, int depth) {
  if (depth > 0) {
    wait_here<Place>(gate, depth - 1);
  } else {
    gate.recv();
  }
  asm volatile("" ::: "memory");
}

// Ten places, five deep, for the process's life.
std::size_t parked() {
  static const std::size_t n = [] {
    const char* text = std::getenv("TAUT_BENCH_GOROUTINES");
    const std::size_t wanted = text == nullptr ? 100'000 : std::strtoull(text, nullptr, 10);
    static const chan<int> gate(0);
    for (std::size_t i = 0; i < wanted; ++i) {
      go([i] {
        constexpr void (*places[])(const chan<int>&, int) = {
            wait_here<0>, wait_here<1>, wait_here<2>, wait_here<3>, wait_here<4>,
            wait_here<5>, wait_here<6>, wait_here<7>, wait_here<8>, wait_here<9>};
        places[i % 10](gate, 5);
      });
    }
    // Everybody has got there.
    for (std::size_t there = 0; there < wanted;) {
      const snapshot s({.stacks = false});
      there = 0;
      for (const goroutine_record& g : s.goroutines) there += g.waits();
    }
    return wanted;
  }();
  return n;
}

void profile_text(benchmark::State& state) {
  const std::size_t n = parked();
  const debug::profile goroutines("goroutine");
  std::size_t bytes = 0;
  for (auto _ : state) bytes = goroutines.text(static_cast<int>(state.range(0))).size();
  state.counters["goroutines"] = static_cast<double>(n);
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(profile_text)
    ->Name("profile/goroutine/debug")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);

void take_snapshot(benchmark::State& state) {
  parked();
  for (auto _ : state) {
    const snapshot s({.stacks = state.range(0) != 0});
    benchmark::DoNotOptimize(s.goroutines.size());
  }
}
BENCHMARK(take_snapshot)
    ->Name("profile/snapshot/stacks")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace taut::rt
