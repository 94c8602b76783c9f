// SPDX-License-Identifier: Apache-2.0
// Reading and writing without contention.
#include "taut/shared_mutex.h"

#include <benchmark/benchmark.h>

#include "taut/runtime.h"

namespace taut {
namespace {

void read(benchmark::State& state) {
  run([&] {
    shared_mutex m;
    for (auto _ : state) {
      m.lock_shared();
      m.unlock_shared();
    }
  });
}
BENCHMARK(read)->Name("shared_mutex/read");

void write(benchmark::State& state) {
  run([&] {
    shared_mutex m;
    for (auto _ : state) {
      m.lock();
      m.unlock();
    }
  });
}
BENCHMARK(write)->Name("shared_mutex/write");

}  // namespace
}  // namespace taut
