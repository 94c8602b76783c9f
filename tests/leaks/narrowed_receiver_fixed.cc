// SPDX-License-Identifier: Apache-2.0
// quiet
// Closed.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> jobs(0);
  taut::go([work = taut::recv_chan<int>(jobs)] { work.recv(); });
  jobs.close();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
