// SPDX-License-Identifier: Apache-2.0
// quiet
// One send.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> answer(0);
  taut::go([=] {
    const bool failed = true;
    answer.send(failed ? -1 : 42);
  });
  answer.recv();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
