// SPDX-License-Identifier: Apache-2.0
// quiet
// A handle in a global can still be used.
#include "leak_program.h"

namespace {

taut::chan<int> global(0);

void scenario() {
  taut::go([] { global.recv(); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
