// SPDX-License-Identifier: Apache-2.0
// leak: suspected R12 sync.WaitGroup.Wait
// leak: suspected R28 sync.WaitGroup.Wait
// A member of the group waits for the group.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::wait_group workers;
    workers.go([&] { workers.wait(); });
    workers.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
