// SPDX-License-Identifier: Apache-2.0
// quiet
// The clock will send.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] { taut::after(1h).recv(); });
  taut::go([] {
    taut::ticker every(1h);
    every.ticks().recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
