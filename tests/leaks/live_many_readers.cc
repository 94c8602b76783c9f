// SPDX-License-Identifier: Apache-2.0
// quiet
// More readers than a mutex remembers; the one that sleeps may be forgotten.
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

void scenario() {
  taut::chan<int> read(0);
  for (int i = 0; i < 12; ++i) {
    taut::go([=] {
      std::shared_lock hold(m);
      read.send(1);
      if (i == 0) taut::sleep_for(1h);
    });
  }
  for (int i = 0; i < 12; ++i) read.recv();
  taut::go([] { std::scoped_lock hold(m); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
