// SPDX-License-Identifier: Apache-2.0
// quiet
// As too_many_units, with as many as there are.
#include "leak_program.h"

namespace {

taut::semaphore& slots = *new taut::semaphore(4);

void scenario() {
  taut::go([] {
    slots.acquire(4);
    slots.release(4);
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
