// SPDX-License-Identifier: Apache-2.0
// Channels: the taut half of the channel benchmarks in ../go/peers_test.go.
#include <benchmark/benchmark.h>

#include <atomic>
#include <concepts>
#include <cstdint>
#include <optional>

#include "measure.h"
#include "taut/chan.h"
#include "taut/go.h"

namespace peers {
namespace {

void send_and_answer(std::int64_t n, std::invocable auto stay) {
  taut::chan<std::int64_t> ping(0);
  taut::chan<std::int64_t> pong(0);
  taut::go([=] {
    [[maybe_unused]] const auto here = stay();
    for (auto v : ping) pong.send(v);
    pong.close();
  });
  [[maybe_unused]] const auto here = stay();
  for (std::int64_t i = 0; i < n; i += 2) {
    ping.send(i);
    benchmark::DoNotOptimize(pong.recv());
  }
  ping.close();
  pong.recv();
}

void ping_pong(benchmark::State& state) {
  measure(state, [](std::int64_t n) { send_and_answer(n, [] { return 0; }); });
}
PEER(ping_pong);

// Who comes second moves on until it is where the first is not.
void ping_pong_pinned(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    std::atomic<int> first{-1};
    send_and_answer(n, [&] {
      for (int other = -1; !first.compare_exchange_strong(other, taut::this_goroutine::worker());
           other = -1) {
        if (other != taut::this_goroutine::worker() || taut::workers() == 1) break;
        taut::yield();
      }
      return taut::pin();
    });
  });
}
PEER(ping_pong_pinned);

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
