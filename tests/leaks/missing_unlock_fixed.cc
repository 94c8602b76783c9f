// SPDX-License-Identifier: Apache-2.0
// quiet
// A guard unlocks on every way out.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void update(bool fails) {
  std::scoped_lock hold(m);
  if (fails) return;
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

int main() { return leak_main(scenario, 0); }
