// SPDX-License-Identifier: Apache-2.0
// quiet
// As deadline_receive, with room for the answer.
#include "leak_program.h"

namespace {

void scenario() {
  auto [to, from] = taut::make_chan<int>(1);
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

int main() { return leak_main(scenario, 0); }
