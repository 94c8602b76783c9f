// SPDX-License-Identifier: Apache-2.0
// quiet
// The only handle is an element of another channel, which somebody may still read.
#include "leak_program.h"

namespace {

taut::chan<taut::send_chan<int>>& replies = *new taut::chan<taut::send_chan<int>>(1);

void scenario() {
  taut::chan<int> answer(0);
  taut::go([from = taut::recv_chan<int>(answer)] { from.recv(); });
  replies.send(taut::send_chan<int>(answer));
}

}  // namespace

int main() { return leak_main(scenario, 0); }
