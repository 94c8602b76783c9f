// SPDX-License-Identifier: Apache-2.0
// leak: suspected R03 chan send
// Three replicas are asked, the first answer is taken.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> first(0);
  for (int i = 0; i < 3; ++i) taut::go([=] { first.send(i); });
  first.recv();
}

}  // namespace

int main() { return leak_main(scenario, 1); }
