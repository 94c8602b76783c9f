// SPDX-License-Identifier: Apache-2.0
// quiet
// The wait has a deadline.
#include "leak_program.h"

namespace {

void scenario() {
  auto [to, from] = taut::make_chan<int>(0);
  taut::go([to = to] { to.send_until(taut::now() + 1h, 1).error(); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
