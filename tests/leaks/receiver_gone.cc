// SPDX-License-Identifier: Apache-2.0
// leak: proved R01 chan send
// The receiving end dies before it received.
#include "leak_program.h"

namespace {

void scenario() {
  auto [to, from] = taut::make_chan<int>(0);
  taut::go([to = to] { to.send(1); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
