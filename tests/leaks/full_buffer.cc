// SPDX-License-Identifier: Apache-2.0
// leak: suspected R08 chan send
// The consumer would be started after the sends.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::chan<int> jobs(2);
    for (int i = 0; i < 3; ++i) jobs.send(i);
    taut::go([=] {
      for (int i = 0; i < 3; ++i) jobs.recv();
    });
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
