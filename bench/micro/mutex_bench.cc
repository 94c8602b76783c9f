// SPDX-License-Identifier: Apache-2.0
// Locking without and with contention. All bodies run in a goroutine.
#include "taut/mutex.h"

#include <benchmark/benchmark.h>

#include <mutex>

#include "taut/runtime.h"
#include "taut/wait_group.h"

namespace taut {
namespace {

void uncontended(benchmark::State& state) {
  run([&] {
    mutex m;
    for (auto _ : state) {
      m.lock();
      m.unlock();
    }
  });
}
BENCHMARK(uncontended)->Name("mutex/uncontended");

void contended(benchmark::State& state) {
  constexpr int each = 1000;
  for (auto _ : state) {
    run([&] {
      mutex m;
      wait_group all;
      for (int i = 0; i < state.range(0); ++i) {
        all.go([&] {
          for (int n = 0; n < each; ++n) std::scoped_lock hold(m);
        });
      }
      all.wait();
    });
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * each);
}
BENCHMARK(contended)->Name("mutex/contended")->Arg(2)->Arg(16)->UseRealTime();

}  // namespace
}  // namespace taut
