// SPDX-License-Identifier: Apache-2.0
// leak: proved R05 chan receive
// Only receiving ends are left of a channel that nobody closed.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> jobs(0);
  taut::go([work = taut::recv_chan<int>(jobs)] { work.recv(); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
