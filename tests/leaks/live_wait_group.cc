// SPDX-License-Identifier: Apache-2.0
// quiet
// The worker sleeps before done().
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::wait_group group;
    group.go([] { taut::sleep_for(1h); });
    group.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
