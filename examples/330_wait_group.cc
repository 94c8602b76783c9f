// SPDX-License-Identifier: Apache-2.0
// Squares computed side by side, collected when all are there.
#include <taut/runtime.h>
#include <taut/wait_group.h>

#include <cstdio>
#include <vector>

int main() {
  taut::run([] {
    std::vector<int> squares(5);
    taut::wait_group all;
    for (int i = 0; i < 5; ++i) {
      all.go([&squares, i] { squares[static_cast<std::size_t>(i)] = i * i; });
    }
    all.wait();
    for (int s : squares) std::printf("%d ", s);
    std::printf("\n");
  });
}

// Output: 0 1 4 9 16
