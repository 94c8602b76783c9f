// SPDX-License-Identifier: Apache-2.0
// quiet
// It cancels when it dies.
#include "leak_program.h"

namespace {

void scenario() {
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  taut::go([done = ctx.done()] { done.recv(); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
