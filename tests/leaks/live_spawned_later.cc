// SPDX-License-Identifier: Apache-2.0
// quiet
// A timer will start a goroutine with the only handle.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> answer(0);
  taut::go([from = taut::recv_chan<int>(answer)] { from.recv(); });
  taut::call_after later(1h,
                         [to = taut::send_chan<int>(answer)] { taut::go([to] { to.send(1); }); });
  later.release();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
