// SPDX-License-Identifier: Apache-2.0
// quiet
// Contexts that may still end: by a deadline, a parent, a stop token, a kept cancel.
#include "leak_program.h"

#include <stop_token>

#include <taut/interop/stop_token.h>

namespace {

std::stop_source& stops = immortal<std::stop_source>();
taut::cancel& kept = immortal<taut::cancel>();

void wait_below(const taut::context& parent) {
  auto [ctx, cancel] = taut::with_cancel(parent);
  taut::go([ctx = ctx] { ctx.wait(); });
  taut::go([ctx = ctx] { ctx.done().recv(); });
  taut::chan<int> never(0);
  taut::go(ctx, [=] { never.recv(); });
  cancel.release();
}

void scenario() {
  auto [late, cancel_late] = taut::with_timeout(taut::background(), 1h);
  cancel_late.release();
  wait_below(late);
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  kept = std::move(cancel);
  wait_below(ctx);
  auto [stoppable, cancel_stoppable] =
      taut::interop::with_stop_token(taut::background(), stops.get_token());
  cancel_stoppable.release();
  wait_below(stoppable);
}

}  // namespace

int main() { return leak_main(scenario, 0); }
