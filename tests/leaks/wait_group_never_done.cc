// SPDX-License-Identifier: Apache-2.0
// leak: suspected R28 sync.WaitGroup.Wait
// An error path returns without done().
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::wait_group group;
    group.add(1);
    taut::go([&] {
      const bool failed = true;
      if (failed) return;
      group.done();
    });
    group.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
