// SPDX-License-Identifier: Apache-2.0
// quiet
// wait_group::go calls done() on every way out.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::wait_group group;
    group.go([] {
      const bool failed = true;
      if (failed) return;
    });
    group.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
