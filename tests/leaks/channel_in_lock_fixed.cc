// SPDX-License-Identifier: Apache-2.0
// quiet
// As channel_in_lock, with the send after the critical section.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void scenario() {
  taut::chan<int> status(0), locked(0);
  taut::go([=] {
    {
      std::scoped_lock hold(m);
      locked.send(1);
    }
    status.send(1);
  });
  taut::go([=] {
    locked.recv();
    std::scoped_lock hold(m);
    status.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
