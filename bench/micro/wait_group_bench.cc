// SPDX-License-Identifier: Apache-2.0
// Counting alone, and with goroutines to wait for.
#include "taut/wait_group.h"

#include <benchmark/benchmark.h>

#include "taut/runtime.h"

namespace taut {
namespace {

void count(benchmark::State& state) {
  run([&] {
    wait_group g;
    for (auto _ : state) {
      g.add(1);
      g.done();
    }
  });
}
BENCHMARK(count)->Name("wait_group/add_done");

void join(benchmark::State& state) {
  run([&] {
    for (auto _ : state) {
      wait_group g;
      for (int i = 0; i < 100; ++i) g.go([] {});
      g.wait();
    }
  });
  state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(join)->Name("wait_group/join");

}  // namespace
}  // namespace taut
