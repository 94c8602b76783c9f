// SPDX-License-Identifier: Apache-2.0
// leak: suspected R26 sync.WaitGroup.Wait
// leak: suspected R26 sync.Mutex.Lock
// The lock is held across the wait for workers that need it.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::mutex m;
    taut::wait_group workers;
    std::scoped_lock hold(m);
    workers.go([&] { std::scoped_lock inner(m); });
    workers.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
