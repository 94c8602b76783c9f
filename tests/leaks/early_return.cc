// SPDX-License-Identifier: Apache-2.0
// leak: suspected R01 chan send
// An error return before the only receive.
#include "leak_program.h"

namespace {

bool fails() { return true; }

void scenario() {
  taut::chan<int> answer(0);
  taut::go([=] { answer.send(42); });
  if (fails()) return;
  answer.recv();
}

}  // namespace

int main() { return leak_main(scenario, 1); }
