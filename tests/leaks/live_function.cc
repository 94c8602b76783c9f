// SPDX-License-Identifier: Apache-2.0
// quiet
// A std::function in the heap has the only handle.
#include "leak_program.h"

#include <functional>

namespace {

std::function<void()>& job = immortal<std::function<void()>>();

void scenario() {
  taut::chan<int> answer(0);
  taut::go([from = taut::recv_chan<int>(answer)] { from.recv(); });
  job = [to = taut::send_chan<int>(answer)] { to.send(1); };
}

}  // namespace

int main() { return leak_main(scenario, 0); }
