// SPDX-License-Identifier: Apache-2.0
// A receiver that gives up leaves its sender behind: find_leaks() proves it, and says why.
#include <taut/taut.h>

#include <cstdio>

using namespace std::chrono_literals;

int main() {
  taut::run([] {
    auto [answers, incoming] = taut::make_chan<int>(0);
    taut::chan<int> late(0);
    taut::go([answers = answers, late] {
      late.recv();
      answers.send(42);
    });
    taut::select(taut::recv(incoming), taut::timeout(1ms));
    late.send(1);
    incoming.reset();

    taut::leak_report report;
    while (report.leaks.empty()) {
      taut::yield();
      report = taut::find_leaks({.min_age = 0s});
    }
    const taut::leak& leak = report.leaks.front();
    std::printf("%zu goroutine, %s: %s\n", leak.count, leak.waits_for.c_str(),
                leak.evidence.c_str());
    std::printf("cause %s, fix: %s\n", leak.cause.c_str(), leak.fix.c_str());
  });
}

// Output: 1 goroutine, chan send: no receiver can exist
// cause R02, fix: give the channel room for the answer that nobody waits for any more: cap 1
