// SPDX-License-Identifier: Apache-2.0
// leak: suspected R24 sync.RWMutex.Lock
// A reader asks for the write lock.
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

void scenario() {
  taut::go([] {
    m.lock_shared();
    m.lock();
    m.unlock();
    m.unlock_shared();
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
