// SPDX-License-Identifier: Apache-2.0
// leak: proved R17 chan receive
// The duty to cancel is given up, and nobody else can.
#include "leak_program.h"

namespace {

void scenario() {
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  taut::go([done = ctx.done()] { done.recv(); });
  cancel.release();
}

}  // namespace

int main() { return leak_main(scenario, 1); }
