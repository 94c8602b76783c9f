// SPDX-License-Identifier: Apache-2.0
// leak: suspected R23 sync.RWMutex.RLock
// leak: suspected R23 sync.RWMutex.Lock
// A reader reads again, and a writer has come in between.
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

int size() {
  m.lock_shared();
  m.unlock_shared();
  return 1;
}

void scenario() {
  taut::chan<int> reads(0), writes(1);
  taut::go([=] {
    m.lock_shared();
    reads.send(1);
    while (m.try_lock_shared()) {
      m.unlock_shared();
      taut::yield();
    }
    size();
    m.unlock_shared();
  });
  taut::go([=] {
    reads.recv();
    m.lock();
    m.unlock();
  });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
