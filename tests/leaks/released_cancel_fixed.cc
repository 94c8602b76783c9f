// SPDX-License-Identifier: Apache-2.0
// quiet
// As released_cancel, with cancels that do their duty.
#include "leak_program.h"

namespace {

void scenario() {
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  taut::go([ctx = ctx] { ctx.wait(); });
  taut::go([ctx = ctx] { ctx.done().recv(); });
  auto [below, cancel_below] = taut::with_cancel(ctx);
  taut::go([below = below] { below.wait(); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
