// SPDX-License-Identifier: Apache-2.0
// quiet
// Room for every answer.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> first(3);
  for (int i = 0; i < 3; ++i) taut::go([=] { first.send(i); });
  first.recv();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
