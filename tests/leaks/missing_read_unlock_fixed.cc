// SPDX-License-Identifier: Apache-2.0
// quiet
// As missing_read_unlock, with std::shared_lock.
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

void scenario() {
  taut::chan<int> read(0);
  taut::go([=] {
    std::shared_lock hold(m);
    read.send(1);
  });
  read.recv();
  taut::go([] { std::scoped_lock hold(m); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
