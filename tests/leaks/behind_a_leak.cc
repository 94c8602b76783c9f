// SPDX-License-Identifier: Apache-2.0
// leak: proved R21 sync.Mutex.Lock
// leak: proved R21 sync.Mutex.Lock
// One waits for a lock whose owner waits for a lock that was never given back.
#include "leak_program.h"

namespace {

taut::mutex& first = immortal<taut::mutex>();
taut::mutex& second = immortal<taut::mutex>();

void scenario() {
  taut::chan<int> done(0);
  taut::go([=] {
    first.lock();
    done.send(1);
  });
  done.recv();
  taut::go([=] {
    std::scoped_lock hold(second);
    done.send(1);
    first.lock();
  });
  done.recv();
  taut::go([] { std::scoped_lock hold(second); });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
