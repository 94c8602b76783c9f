// SPDX-License-Identifier: Apache-2.0
// quiet
// Made before it is shared.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> results(1);
  taut::go([=] { results.recv(); });
  results.send(1);
}

}  // namespace

int main() { return leak_main(scenario, 0); }
