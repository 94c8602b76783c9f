// SPDX-License-Identifier: Apache-2.0
// quiet
// It returns.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {});
}

}  // namespace

int main() { return leak_main(scenario, 0); }
