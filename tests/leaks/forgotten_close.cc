// SPDX-License-Identifier: Apache-2.0
// leak: suspected R05 chan receive
// Workers range over jobs that nobody closes.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> jobs(4);
  for (int i = 0; i < 3; ++i) {
    taut::go([=] {
      for (int job : jobs) static_cast<void>(job);
    });
  }
  for (int i = 0; i < 6; ++i) jobs.send(i);
}

}  // namespace

int main() { return leak_main(scenario, 1); }
