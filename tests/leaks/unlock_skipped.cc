// SPDX-License-Identifier: Apache-2.0
// leak: proved R21 sync.Mutex.Lock
// A continue skips the unlock; the next round locks again.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

bool dial(int round) { return round > 0; }

void scenario() {
  taut::go([] {
    for (int round = 0; round < 3; ++round) {
      m.lock();
      if (!dial(round)) continue;
      m.unlock();
    }
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
