// SPDX-License-Identifier: Apache-2.0
// quiet
// Who has the permit sleeps.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::semaphore slots(1);
    taut::wait_group workers;
    for (int i = 0; i < 2; ++i) {
      workers.go([&] {
        slots.acquire();
        taut::sleep_for(1h);
        slots.release();
      });
    }
    workers.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
