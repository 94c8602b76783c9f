// SPDX-License-Identifier: Apache-2.0
// Tickers and timers stop when they die. With virtual time a day passes at once.
#include <taut/taut.h>

#include <cstdio>

using namespace std::chrono_literals;

int main() {
  taut::start({.virtual_time = true});
  taut::run([] {
    const auto begin = taut::now();
    auto hours = [&](taut::time_point t) { return static_cast<int>((t - begin) / 1h); };
    taut::ticker every(6h);
    taut::timer end(20h);
    for (bool more = true; more;) {
      taut::select(taut::recv(every.ticks(),
                              [&](std::optional<taut::time_point> at) {
                                std::printf("tick at %d h\n", hours(*at));
                              }),
                   taut::recv(end.fired(), [&] { more = false; }));
    }
    std::printf("the end at %d h\n", hours(taut::now()));
  });
}

// Output:
// tick at 6 h
// tick at 12 h
// tick at 18 h
// the end at 20 h
