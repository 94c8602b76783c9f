// SPDX-License-Identifier: Apache-2.0
// leak: suspected R28 chan send
// leak: suspected R28 sync.WaitGroup.Wait
// The parent waits for the group before it receives.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::chan<int> results(0);
    taut::wait_group group;
    for (int i = 0; i < 3; ++i) group.go([=] { results.send(i); });
    group.wait();
    for (int i = 0; i < 3; ++i) results.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
