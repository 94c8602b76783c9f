// SPDX-License-Identifier: Apache-2.0
// leak: proved R02 chan send
// The receiver receives with a deadline; the answer comes later.
#include "leak_program.h"

namespace {

void scenario() {
  auto [to, from] = taut::make_chan<int>(0);
  taut::chan<int> late(0);
  taut::go([to = to, late] {
    late.recv();
    to.send(1);
  });
  auto [ctx, cancel] = taut::with_timeout(taut::background(), 1ms);
  static_cast<void>(from.recv(ctx));
  late.send(1);
}

}  // namespace

int main() { return leak_main(scenario, 1); }
