// SPDX-License-Identifier: Apache-2.0
// quiet
// A thread that the runtime did not make has the only handle, on its stack.
#include "leak_program.h"

#include <unistd.h>

#include <thread>

namespace {

void scenario() {
  taut::chan<int> answer(0);
  taut::go([from = taut::recv_chan<int>(answer)] { from.recv(); });
  std::thread([to = taut::send_chan<int>(answer)] {
    for (;;) ::pause();
    to.send(1);
  }).detach();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
