// SPDX-License-Identifier: Apache-2.0
// Reading and writing a thousand keys.
#include "taut/concurrent_map.h"

#include <benchmark/benchmark.h>

#include "taut/runtime.h"

namespace taut {
namespace {

void load(benchmark::State& state) {
  run([&] {
    concurrent_map<int, int> m;
    for (int i = 0; i < 1000; ++i) m.store(i, i);
    int key = 0;
    for (auto _ : state) benchmark::DoNotOptimize(m.load(key = (key + 1) % 1000));
  });
}
BENCHMARK(load)->Name("concurrent_map/load");

void store(benchmark::State& state) {
  run([&] {
    concurrent_map<int, int> m;
    int key = 0;
    for (auto _ : state) m.store(key = (key + 1) % 1000, 1);
  });
}
BENCHMARK(store)->Name("concurrent_map/store");

}  // namespace
}  // namespace taut
