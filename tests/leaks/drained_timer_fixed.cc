// SPDX-License-Identifier: Apache-2.0
// quiet
// As drained_timer, without the drain.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::recv_chan<taut::time_point> fired = taut::after(1ms);
    fired.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
