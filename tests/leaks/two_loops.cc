// SPDX-License-Identifier: Apache-2.0
// leak: suspected R11 chan send
// leak: suspected R11 chan send
// Each of two loops sends to the other before it receives.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> a(0), b(0);
  taut::go([=] {
    a.send(1);
    b.recv();
  });
  taut::go([=] {
    b.send(1);
    a.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 2); }
