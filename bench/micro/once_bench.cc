// SPDX-License-Identifier: Apache-2.0
// A call after the first.
#include "taut/once.h"

#include <benchmark/benchmark.h>

#include "taut/runtime.h"

namespace taut {
namespace {

void done(benchmark::State& state) {
  run([&] {
    once o;
    for (auto _ : state) {
      o.call([] {});
      benchmark::DoNotOptimize(o);
    }
  });
}
BENCHMARK(done)->Name("once/done");

}  // namespace
}  // namespace taut
