// SPDX-License-Identifier: Apache-2.0
// quiet
// Who will signal the condition sleeps.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::mutex m;
    taut::condition ready;
    bool done = false;
    taut::go([&] {
      taut::sleep_for(1h);
      std::scoped_lock hold(m);
      done = true;
      ready.signal();
    });
    std::unique_lock hold(m);
    ready.wait(hold, [&] { return done; });
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
