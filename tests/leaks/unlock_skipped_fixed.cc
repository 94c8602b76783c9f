// SPDX-License-Identifier: Apache-2.0
// quiet
// As unlock_skipped, with a guard.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

bool dial(int round) { return round > 0; }

void scenario() {
  taut::go([] {
    for (int round = 0; round < 3; ++round) {
      std::scoped_lock hold(m);
      if (!dial(round)) continue;
    }
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
