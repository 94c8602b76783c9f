// SPDX-License-Identifier: Apache-2.0
// quiet
// As bound_to_released, with a cancel that does its duty.
#include "leak_program.h"

namespace {

void scenario() {
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  auto [to, from] = taut::make_chan<int>(0);
  taut::go(ctx, [to = to] { to.send(1); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
