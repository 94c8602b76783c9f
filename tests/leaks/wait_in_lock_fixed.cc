// SPDX-License-Identifier: Apache-2.0
// quiet
// As wait_in_lock, with the lock given up before the wait.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::mutex m;
    taut::wait_group workers;
    {
      std::scoped_lock hold(m);
      workers.go([&] { std::scoped_lock inner(m); });
    }
    workers.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
