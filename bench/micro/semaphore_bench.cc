// SPDX-License-Identifier: Apache-2.0
// Taking and giving back a unit that is free.
#include "taut/semaphore.h"

#include <benchmark/benchmark.h>

#include "taut/runtime.h"

namespace taut {
namespace {

void uncontended(benchmark::State& state) {
  run([&] {
    semaphore s(4);
    for (auto _ : state) {
      s.acquire();
      s.release();
    }
  });
}
BENCHMARK(uncontended)->Name("semaphore/uncontended");

}  // namespace
}  // namespace taut
