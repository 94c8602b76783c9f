// SPDX-License-Identifier: Apache-2.0
// quiet
// The owner of the lock sleeps.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void scenario() {
  taut::chan<int> locked(0);
  taut::go([=] {
    std::scoped_lock hold(m);
    locked.send(1);
    taut::sleep_for(1h);
  });
  locked.recv();
  taut::go([] { std::scoped_lock hold(m); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
