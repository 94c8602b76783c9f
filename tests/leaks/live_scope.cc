// SPDX-License-Identifier: Apache-2.0
// quiet
// A member of the scope sleeps; the others wait for it.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::scope workers;
    taut::chan<int> first(0);
    taut::mutex m;
    workers.go([&] {
      std::scoped_lock hold(m);
      taut::sleep_for(1h);
      first.close();
    });
    workers.go([&] { first.recv(); });
    workers.go([&] { std::scoped_lock hold(m); });
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
