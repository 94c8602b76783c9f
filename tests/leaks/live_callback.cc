// SPDX-License-Identifier: Apache-2.0
// quiet
// A function that a timer will call has the only handle.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> answer(0);
  taut::go([from = taut::recv_chan<int>(answer)] { from.recv(); });
  taut::call_after later(1h, [to = taut::send_chan<int>(answer)] { to.send(1); });
  later.release();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
