// SPDX-License-Identifier: Apache-2.0
// quiet
// It receives first.
#include "leak_program.h"

namespace {

void scenario() {
  auto [to, from] = taut::make_chan<int>(0);
  taut::go([to = to] { to.send(1); });
  from.recv();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
