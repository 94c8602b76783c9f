// SPDX-License-Identifier: Apache-2.0
// leak: suspected R21 sync.RWMutex.Lock
// A reader returns without unlock_shared().
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

void scenario() {
  taut::chan<int> read(0);
  taut::go([=] {
    m.lock_shared();
    read.send(1);
  });
  read.recv();
  taut::go([] { std::scoped_lock hold(m); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
