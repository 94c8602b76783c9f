// SPDX-License-Identifier: Apache-2.0
// leak: proved R38 semacquire
// More units are asked for than there are.
#include "leak_program.h"

namespace {

taut::semaphore& slots = *new taut::semaphore(4);

void scenario() {
  taut::go([] { slots.acquire(5); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
