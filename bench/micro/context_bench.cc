// SPDX-License-Identifier: Apache-2.0
// What contexts cost that end without anybody having waited, as most do.
#include <benchmark/benchmark.h>

#include "taut/taut.h"

namespace {

void with_cancel(benchmark::State& state) {
  taut::run([&] {
    auto parent = taut::with_cancel(taut::background());
    for (auto _ : state) benchmark::DoNotOptimize(taut::with_cancel(parent.ctx));
  });
}
BENCHMARK(with_cancel);

void with_timeout(benchmark::State& state) {
  taut::run([&] {
    auto parent = taut::with_cancel(taut::background());
    for (auto _ : state)
      benchmark::DoNotOptimize(taut::with_timeout(parent.ctx, std::chrono::hours(1)));
  });
}
BENCHMARK(with_timeout);

void with_done(benchmark::State& state) {
  taut::run([&] {
    for (auto _ : state) {
      auto made = taut::with_cancel(taut::background());
      benchmark::DoNotOptimize(made.ctx.done());
    }
  });
}
BENCHMARK(with_done);

}  // namespace
