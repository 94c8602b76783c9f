// SPDX-License-Identifier: Apache-2.0
// The runtime starts by itself. A program that wants other options starts it, and may stop it.
#include <taut/go.h>
#include <taut/runtime.h>
#include <taut/time.h>

#include <cstdio>
#include <stdexcept>

using namespace std::chrono_literals;

int main() {
  taut::start({.workers = 2});
  std::printf("%d workers\n", taut::workers());

  // run() calls a function as a goroutine, and gives back what it returns or throws.
  std::printf("%d\n", taut::run([] { return 6 * 7; }));
  try {
    taut::run([] { throw std::runtime_error("no such file"); });
  } catch (const std::exception& e) {
    std::printf("%s\n", e.what());
  }
  taut::stop();

  // For tests: time jumps to the next timer when nothing can run.
  taut::start({.virtual_time = true});
  taut::run([] {
    auto began = taut::now();
    taut::sleep_for(24h);
    std::printf("%d hours\n", static_cast<int>((taut::now() - began) / 1h));
  });
  std::printf("%d abandoned\n", static_cast<int>(taut::stop()));
}

// Output:
// 2 workers
// 42
// no such file
// 24 hours
// 0 abandoned
