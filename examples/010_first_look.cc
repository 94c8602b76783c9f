// SPDX-License-Identifier: Apache-2.0
// Four goroutines share work from one channel and answer on another. README.md shows this program.
#include <taut/taut.h>

#include <cstdio>

using namespace std::chrono_literals;

int main() {
  taut::chan<int> numbers(16);
  taut::chan<int> squares(16);

  taut::scope work;  // is left only when every goroutine it started has returned
  work.go([=] {
    for (int n = 1; n <= 100; ++n) numbers.send(n);
    numbers.close();
  });
  for (int i = 0; i < 4; ++i) {
    work.go({.name = "worker"}, [=] {
      for (int n : numbers) squares.send(n * n);
    });
  }

  auto [ctx, cancel] = taut::with_timeout(taut::background(), 5s);
  int sum = 0;
  for (int answers = 0; answers < 100; ++answers) {
    taut::result<int> square = squares.recv(ctx);  // a value, closed, or why ctx ended
    if (!square) {
      work.cancel();  // wakes the workers, whatever they wait for
      return 1;
    }
    sum += *square;
  }
  std::printf("the sum of the squares is %d\n", sum);
}

// Output: the sum of the squares is 338350
