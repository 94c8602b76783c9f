// SPDX-License-Identifier: Apache-2.0
// quiet
// A predicate.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::mutex m;
    taut::condition ready;
    bool is_ready = true;
    ready.signal();
    std::unique_lock hold(m);
    ready.wait(hold, [&] { return is_ready; });
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
