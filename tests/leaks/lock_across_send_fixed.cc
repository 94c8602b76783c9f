// SPDX-License-Identifier: Apache-2.0
// quiet
// The send is outside.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void scenario() {
  auto [to, from] = taut::make_chan<int>(1);
  taut::chan<int> locked(0);
  taut::go([to = to, locked] {
    {
      std::scoped_lock hold(m);
      locked.send(1);
    }
    to.send(1);
  });
  locked.recv();
  taut::go([] { std::scoped_lock hold(m); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
