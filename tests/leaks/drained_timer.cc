// SPDX-License-Identifier: Apache-2.0
// leak: proved R14 chan receive
// The tick was received; the drain waits for another.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::recv_chan<taut::time_point> fired = taut::after(1ms);
    fired.recv();
    fired.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
