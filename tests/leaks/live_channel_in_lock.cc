// SPDX-License-Identifier: Apache-2.0
// quiet
// A send under a lock that the receiver needs after its sleep only.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void scenario() {
  taut::chan<int> status(0), locked(0);
  taut::go([=] {
    std::scoped_lock hold(m);
    locked.send(1);
    status.send(1);
  });
  locked.recv();
  taut::go([=] {
    taut::sleep_for(1h);
    status.recv();
  });
  taut::go([=] {
    std::scoped_lock hold(m);
    status.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
