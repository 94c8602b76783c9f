// SPDX-License-Identifier: Apache-2.0
// quiet
// A thousand goroutines wait for each other in a row, and the last sleeps.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> next(0);
  taut::go([=] {
    taut::sleep_for(1h);
    next.send(1);
  });
  for (int i = 0; i < 1000; ++i) {
    taut::chan<int> mine(0);
    taut::go([=] {
      next.recv();
      mine.send(1);
    });
    next = mine;
  }
}

}  // namespace

int main() { return leak_main(scenario, 0); }
