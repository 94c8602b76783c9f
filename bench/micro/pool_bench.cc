// SPDX-License-Identifier: Apache-2.0
// Taking an object and giving it back.
#include "taut/pool.h"

#include <benchmark/benchmark.h>

#include <memory>

#include "taut/runtime.h"

namespace taut {
namespace {

void get_put(benchmark::State& state) {
  run([&] {
    pool<int> p([] { return std::make_unique<int>(0); });
    for (auto _ : state) benchmark::DoNotOptimize(p.get().get());
  });
}
BENCHMARK(get_put)->Name("pool/get_put");

}  // namespace
}  // namespace taut
