// SPDX-License-Identifier: Apache-2.0
// quiet
// The partner never parks, and will send.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> answer(0);
  taut::go([=] { answer.recv(); });
  taut::go([=] {
    for (;;) taut::yield();
    answer.send(1);
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
