// SPDX-License-Identifier: Apache-2.0
// quiet
// The partner sleeps, and will send.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> answer(0);
  taut::go([=] { answer.recv(); });
  taut::go([=] {
    taut::sleep_for(1h);
    answer.send(1);
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
