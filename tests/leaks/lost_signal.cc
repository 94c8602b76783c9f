// SPDX-License-Identifier: Apache-2.0
// leak: suspected R32 sync.Cond.Wait
// The signal comes before the wait, which has no predicate.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::mutex m;
    taut::condition ready;
    ready.signal();
    std::unique_lock hold(m);
    ready.wait(hold);
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
