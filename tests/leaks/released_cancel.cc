// SPDX-License-Identifier: Apache-2.0
// leak: proved R17 chan receive
// leak: proved R17 chan receive
// leak: proved R17 chan receive
// Three wait for a context whose cancel gave up its duty: by wait(), by done(), and by being bound.
#include "leak_program.h"

namespace {

void scenario() {
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  taut::go([ctx = ctx] { ctx.wait(); });
  taut::go([ctx = ctx] { ctx.done().recv(); });
  auto [below, cancel_below] = taut::with_cancel(ctx);
  taut::go([below = below] { below.wait(); });
  cancel.release();
  cancel_below.release();
}

}  // namespace

int main() { return leak_main(scenario, 3); }
