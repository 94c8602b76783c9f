// SPDX-License-Identifier: Apache-2.0
// quiet
// As one_sided_context, with a sender that watches it too.
#include "leak_program.h"

namespace {

void scenario() {
  auto [to, from] = taut::make_chan<int>(0);
  taut::chan<int> late(0);
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  taut::go([to = to, late, ctx = ctx] {
    late.recv();
    static_cast<void>(to.send(ctx, 1));
  });
  cancel();
  static_cast<void>(from.recv(ctx));
  late.send(1);
}

}  // namespace

int main() { return leak_main(scenario, 0); }
