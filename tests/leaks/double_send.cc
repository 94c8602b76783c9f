// SPDX-License-Identifier: Apache-2.0
// leak: suspected R04 chan send
// A return is missing after the error was sent.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> answer(0);
  taut::go([=] {
    const bool failed = true;
    if (failed) answer.send(-1);
    answer.send(42);
  });
  answer.recv();
}

}  // namespace

int main() { return leak_main(scenario, 1); }
