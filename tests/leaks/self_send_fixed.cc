// SPDX-License-Identifier: Apache-2.0
// quiet
// A buffer.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::chan<int> note(1);
    note.send(1);
    note.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
