// SPDX-License-Identifier: Apache-2.0
// quiet
// As upgrade, with the read lock given up first.
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

void scenario() {
  taut::go([] {
    m.lock_shared();
    m.unlock_shared();
    m.lock();
    m.unlock();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
