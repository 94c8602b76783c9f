// SPDX-License-Identifier: Apache-2.0
// quiet
// As send_before_wait, in the other order.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::chan<int> results(0);
    taut::wait_group group;
    for (int i = 0; i < 3; ++i) group.go([=] { results.send(i); });
    for (int i = 0; i < 3; ++i) results.recv();
    group.wait();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
