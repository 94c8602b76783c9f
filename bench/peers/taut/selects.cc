// SPDX-License-Identifier: Apache-2.0
// Select: the taut half of ../go/select_test.go.
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "measure.h"
#include "taut/chan.h"
#include "taut/go.h"
#include "taut/select.h"

namespace peers {
namespace {

using messages = taut::chan<std::int64_t>;

template <std::size_t... I>
void select_from(const std::array<messages, sizeof...(I)>& c, std::index_sequence<I...>) {
  taut::select(taut::recv(c[I])...);
}

// A producer for each of K channels, and one consumer that selects.
template <std::size_t K>
void select_among(benchmark::State& state, std::size_t capacity) {
  measure(state, [=](std::int64_t n) {
    constexpr auto k = static_cast<std::int64_t>(K);
    std::array<messages, K> c;
    taut::chan<taut::unit> over(0);
    const std::int64_t each = n / k + 1;
    for (auto& channel : c) channel = messages(capacity);
    for (auto& channel : c) {
      taut::go([=] {
        for (std::int64_t i = 0; i < each; ++i) channel.send(i);
        over.recv();
      });
    }
    for (std::int64_t i = 0; i < k * each; ++i) select_from(c, std::make_index_sequence<K>());
    over.close();
  });
}

void select_2_blocking(benchmark::State& state) { select_among<2>(state, 0); }
PEER(select_2_blocking);
void select_8_blocking(benchmark::State& state) { select_among<8>(state, 0); }
PEER(select_8_blocking);
void select_2_buffered(benchmark::State& state) { select_among<2>(state, 128); }
PEER(select_2_buffered);
void select_8_buffered(benchmark::State& state) { select_among<8>(state, 128); }
PEER(select_8_buffered);

// Both channels hold messages at every select; filling them up again is not timed.
void select_2_ready(benchmark::State& state) {
  measure_parts(state, [](std::int64_t n, watch& time) {
    constexpr std::size_t room = 128;
    constexpr int batch = 128;
    messages c0(room);
    messages c1(room);
    for (; n > 0; n -= batch) {
      while (c0.len() < room) c0.send(0);
      while (c1.len() < room) c1.send(1);
      time.start();
      for (int i = 0; i < batch; ++i) taut::select(taut::recv(c0), taut::recv(c1));
      time.stop();
    }
  });
}
PEER(select_2_ready);

void select_default(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    messages c(0);
    std::int64_t misses = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      taut::select(taut::recv(c), taut::otherwise([&] { ++misses; }));
    }
    if (misses != n) throw std::logic_error("something was received");
  });
}
PEER(select_default);

}  // namespace
}  // namespace peers
