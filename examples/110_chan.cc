// SPDX-License-Identifier: Apache-2.0
// A producer and a consumer: the loop over a channel ends when it is closed and drained.
#include <taut/chan.h>
#include <taut/go.h>
#include <taut/runtime.h>

#include <cstdio>

int main() {
  taut::run([] {
    taut::chan<int> numbers(4);
    taut::go([=] {
      for (int n = 1; n <= 3; ++n) numbers.send(n);
      numbers.close();
    });
    for (int n : numbers) std::printf("got %d\n", n);

    // Typed ends: the channel closes itself when its last sender dies.
    auto [out, in] = taut::make_chan<int>(0);
    taut::go([sender = std::move(out)] { sender.send(42); });
    for (int n : in) std::printf("got %d\n", n);
  });
}

// Output:
// got 1
// got 2
// got 3
// got 42
