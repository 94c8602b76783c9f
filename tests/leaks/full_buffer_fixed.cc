// SPDX-License-Identifier: Apache-2.0
// quiet
// Started before.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::chan<int> jobs(2);
    taut::go([=] {
      for (int i = 0; i < 3; ++i) jobs.recv();
    });
    for (int i = 0; i < 3; ++i) jobs.send(i);
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
