// SPDX-License-Identifier: Apache-2.0
// leak: proved R24 sync.RWMutex.RLock
// A read lock is asked for under the write lock.
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

void scenario() {
  taut::go([] {
    m.lock();
    m.lock_shared();
    m.unlock_shared();
    m.unlock();
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
