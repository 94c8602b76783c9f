// SPDX-License-Identifier: Apache-2.0
// quiet
// As close_after_wait, in the other order.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::chan<int> jobs(0);
    taut::wait_group workers;
    for (int i = 0; i < 2; ++i) {
      workers.go([=] {
        for (int job : jobs) static_cast<void>(job);
      });
    }
    for (int i = 0; i < 4; ++i) jobs.send(i);
    jobs.close();
    workers.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
