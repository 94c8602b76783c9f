// SPDX-License-Identifier: Apache-2.0
// quiet
// As recursive_read, with one read lock for both.
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

int size_locked() { return 1; }

void scenario() {
  taut::chan<int> reads(0);
  taut::go([=] {
    m.lock_shared();
    reads.send(1);
    while (m.try_lock_shared()) {
      m.unlock_shared();
      taut::yield();
    }
    size_locked();
    m.unlock_shared();
  });
  taut::go([=] {
    reads.recv();
    m.lock();
    m.unlock();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
