// SPDX-License-Identifier: Apache-2.0
// quiet
// As waits_for_itself, with the wait in who started it.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::wait_group workers;
    workers.go([] {});
    workers.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
