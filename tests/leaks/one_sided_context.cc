// SPDX-License-Identifier: Apache-2.0
// leak: proved R18 chan send
// The receiver watches its context, the sender does not.
#include "leak_program.h"

namespace {

void scenario() {
  auto [to, from] = taut::make_chan<int>(0);
  taut::chan<int> late(0);
  taut::go([to = to, late] {
    late.recv();
    to.send(1);
  });
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  cancel();
  static_cast<void>(from.recv(ctx));
  late.send(1);
}

}  // namespace

int main() { return leak_main(scenario, 1); }
