// SPDX-License-Identifier: Apache-2.0
// quiet
// The inner function expects the lock to be held.
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void inner_locked() {}

void scenario() {
  taut::go([] {
    std::scoped_lock hold(m);
    inner_locked();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
