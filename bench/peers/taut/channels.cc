// SPDX-License-Identifier: Apache-2.0
// Channels: the taut half of the channel benchmarks in ../go/peers_test.go.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <optional>

#include "measure.h"
#include "taut/chan.h"
#include "taut/go.h"

namespace peers {
namespace {

void ping_pong(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    taut::chan<std::int64_t> ping(0);
    taut::chan<std::int64_t> pong(0);
    taut::go([=] {
      for (auto v : ping) pong.send(v);
      pong.close();
    });
    for (std::int64_t i = 0; i < n; i += 2) {
      ping.send(i);
      benchmark::DoNotOptimize(pong.recv());
    }
    ping.close();
    pong.recv();
  });
}
PEER(ping_pong);

void spsc(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    taut::chan<std::int64_t> messages(128);
    taut::go([=] {
      for (std::int64_t i = 0; i < n; ++i) messages.send(i);
    });
    for (std::int64_t i = 0; i < n; ++i) benchmark::DoNotOptimize(messages.recv());
  });
}
PEER(spsc);

void mpmc(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    taut::chan<std::int64_t> messages(128);
    const std::int64_t each = n / 4 + 1;
    together(8, [&, each](int goroutine) {
      for (std::int64_t i = 0; i < each; ++i) {
        if (goroutine < 4) {
          messages.send(i);
        } else {
          benchmark::DoNotOptimize(messages.recv());
        }
      }
    });
  });
}
PEER(mpmc);

}  // namespace
}  // namespace peers
