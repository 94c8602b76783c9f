// SPDX-License-Identifier: Apache-2.0
// leak: suspected R05 chan receive
// leak: suspected R05 sync.WaitGroup.Wait
// The jobs are closed after the wait for the workers, which range over them.
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
    workers.wait();
    jobs.close();
  });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
