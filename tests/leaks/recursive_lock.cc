// SPDX-License-Identifier: Apache-2.0
// leak: proved R20 sync.Mutex.Lock
// A function that locks is called with the lock held.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void inner() { std::scoped_lock hold(m); }

void scenario() {
  taut::go([] {
    std::scoped_lock hold(m);
    inner();
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
