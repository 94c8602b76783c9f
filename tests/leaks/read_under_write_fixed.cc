// SPDX-License-Identifier: Apache-2.0
// quiet
// One after the other.
#include "leak_program.h"

namespace {

taut::shared_mutex& m = immortal<taut::shared_mutex>();

void scenario() {
  taut::go([] {
    m.lock();
    m.unlock();
    m.lock_shared();
    m.unlock_shared();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
