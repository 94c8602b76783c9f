// SPDX-License-Identifier: Apache-2.0
// leak: proved R22 sync.Mutex.Lock
// leak: proved R22 sync.Mutex.Lock
// Two locks in two orders.
#include "leak_program.h"

namespace {

taut::mutex& a = immortal<taut::mutex>();
taut::mutex& b = immortal<taut::mutex>();

void scenario() {
  taut::chan<int> first(0);
  taut::go([=] {
    a.lock();
    first.recv();
    b.lock();
    b.unlock();
    a.unlock();
  });
  taut::go([=] {
    b.lock();
    first.send(1);
    a.lock();
    a.unlock();
    b.unlock();
  });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
