// SPDX-License-Identifier: Apache-2.0
// leak: proved R19 chan receive (nil chan)
// The context of a request is left out.
#include "leak_program.h"

namespace {

void serve(const taut::context& ctx) { ctx.wait(); }

void scenario() {
  taut::go([] { serve(taut::background()); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
