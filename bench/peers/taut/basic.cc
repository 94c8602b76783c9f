// SPDX-License-Identifier: Apache-2.0
// Switching, spawning, locking, arming timers: the taut half of ../go/peers_test.go.
#include <cstdint>
#include <stdexcept>

#include "measure.h"
#include "taut/chan.h"
#include "taut/mutex.h"

namespace peers {
namespace {

void yield_among(benchmark::State& state, int goroutines) {
  measure(state, [=](std::int64_t n) {
    const std::int64_t each = n / goroutines + 1;
    together(goroutines, [=](int) {
      for (std::int64_t i = 0; i < each; ++i) taut::yield();
    });
  });
}

void yield_2(benchmark::State& state) { yield_among(state, 2); }
PEER(yield_2);
void yield_8(benchmark::State& state) { yield_among(state, 8); }
PEER(yield_8);

void spawn_batch(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    constexpr int batch = 1000;
    taut::wait_group group;
    for (; n > 0; n -= batch) {
      group.add(batch);
      for (int i = 0; i < batch; ++i) taut::go([&] { group.done(); });
      group.wait();
    }
  });
}
PEER(spawn_batch);

void spawn_one(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    taut::wait_group group;
    for (std::int64_t i = 0; i < n; ++i) {
      group.add(1);
      taut::go([&] { group.done(); });
      group.wait();
    }
  });
}
PEER(spawn_one);

void mutex(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    taut::mutex m;
    for (std::int64_t i = 0; i < n; ++i) {
      m.lock();
      m.unlock();
    }
  });
}
PEER(mutex);

void mutex_8(benchmark::State& state) {
  measure(state, [](std::int64_t n) {
    taut::mutex m;
    std::int64_t count = 0;
    const std::int64_t each = n / 8 + 1;
    together(8, [&, each](int) {
      for (std::int64_t i = 0; i < each; ++i) {
        m.lock();
        ++count;
        m.unlock();
      }
    });
    if (count != 8 * each) throw std::logic_error("the mutex does not exclude");
  });
}
PEER(mutex_8);

void skynet_node(const taut::chan<std::int64_t>& answer, std::int64_t number, std::int64_t leaves) {
  if (leaves == 1) {
    answer.send(number);
    return;
  }
  taut::chan<std::int64_t> children(0);
  for (int i = 0; i < 10; ++i) {
    taut::go([=] { skynet_node(children, number + i * (leaves / 10), leaves / 10); });
  }
  std::int64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += *children.recv();
  answer.send(sum);
}

void skynet(benchmark::State& state) {
  measure_parts(state, [](std::int64_t n, watch& time) {
    constexpr std::int64_t leaves = 1'000'000;
    taut::chan<std::int64_t> answer(0);
    auto once = [&] {
      taut::go([=] { skynet_node(answer, 0, leaves); });
      if (answer.recv() != leaves * (leaves - 1) / 2) throw std::logic_error("skynet: wrong sum");
    };
    once();  // the first is slower everywhere: memory comes from the system
    time.start();
    for (std::int64_t i = 0; i < n; ++i) once();
    time.stop();
  });
}
PEER(skynet)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace peers
