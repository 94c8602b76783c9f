// SPDX-License-Identifier: Apache-2.0
// quiet
// Typed ends close when the last sender dies.
#include "leak_program.h"

namespace {

void scenario() {
  auto [jobs, work] = taut::make_chan<int>(4);
  for (int i = 0; i < 3; ++i) {
    taut::go([work = work] {
      for (int job : work) static_cast<void>(job);
    });
  }
  for (int i = 0; i < 6; ++i) jobs.send(i);
}

}  // namespace

int main() { return leak_main(scenario, 0); }
