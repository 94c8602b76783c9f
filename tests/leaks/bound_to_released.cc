// SPDX-License-Identifier: Apache-2.0
// leak: proved R01 chan send
// Bound to a context that can no longer end: nothing else ends the wait either.
#include "leak_program.h"

namespace {

void scenario() {
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  auto [to, from] = taut::make_chan<int>(0);
  taut::go(ctx, [to = to] { to.send(1); });
  cancel.release();
}

}  // namespace

int main() { return leak_main(scenario, 1); }
