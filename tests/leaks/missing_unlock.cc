// SPDX-License-Identifier: Apache-2.0
// leak: proved R21 sync.Mutex.Lock
// An error path returns without unlocking.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void update(bool fails) {
  m.lock();
  if (fails) return;
  m.unlock();
}

void scenario() {
  taut::chan<int> done(0);
  taut::go([=] {
    update(true);
    done.send(1);
  });
  done.recv();
  taut::go([] { update(false); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
