// SPDX-License-Identifier: Apache-2.0
// leak: proved R07 select (no cases)
// A goroutine that should stay for the life of the process.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] { taut::select(); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
