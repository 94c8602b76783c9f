// SPDX-License-Identifier: Apache-2.0
// What a user writes: goroutines, a channel and a wait group, linked with the installed package.
#include <taut/taut.h>

#include <cstdio>

int main() {
  return taut::run([] {
    taut::chan<int> squares(4);
    taut::wait_group working;
    for (int n = 1; n <= 4; ++n) {
      working.add(1);
      taut::go([=, &working] {
        squares.send(n * n);
        working.done();
      });
    }
    working.wait();
    squares.close();
    int sum = 0;
    for (int square : squares) sum += square;
    std::printf("version %d, sum %d\n", taut::version(), sum);
    return sum == 30 && taut::version() == TAUT_VERSION ? 0 : 1;
  });
}
