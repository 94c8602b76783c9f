// SPDX-License-Identifier: Apache-2.0
// Timers: the taut half of BenchmarkTimer in ../go/peers_test.go.
#include <chrono>
#include <cstdint>

#include "measure.h"
#include "taut/time.h"

namespace peers {
namespace {

void timer(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      taut::timer t(std::chrono::hours(1));
      benchmark::DoNotOptimize(t.stop());
    }
  });
}
PEER(timer);

}  // namespace
}  // namespace peers
