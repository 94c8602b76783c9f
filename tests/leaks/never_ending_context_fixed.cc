// SPDX-License-Identifier: Apache-2.0
// quiet
// As never_ending_context, with a context that ends.
#include "leak_program.h"

namespace {

void serve(const taut::context& ctx) { ctx.wait(); }

void scenario() {
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  taut::go([ctx = ctx] { serve(ctx); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
