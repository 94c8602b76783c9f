// SPDX-License-Identifier: Apache-2.0
// quiet
// The partner sleeps and knows the channel by a pointer into the stack of who waits.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::chan<int> answer(0);
    taut::go([&] {
      taut::sleep_for(1h);
      answer.send(1);
    });
    answer.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
