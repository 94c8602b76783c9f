// SPDX-License-Identifier: Apache-2.0
// leak: suspected R25 select
// leak: suspected R25 sync.Mutex.Lock
// Stop holds the lock while it waits for the loop, which needs the lock for its last step.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void scenario() {
  taut::chan<int> stop(0), stopped(0), never(0);
  taut::go([=] {
    stop.recv();
    m.lock();
    m.unlock();
    stopped.send(1);
  });
  taut::go([=] {
    std::unique_lock hold(m);
    stop.send(1);
    taut::select(taut::recv(stopped), taut::recv(never));
  });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
