// SPDX-License-Identifier: Apache-2.0
// leak: suspected R09 chan send
// Only the sender itself could receive.
#include "leak_program.h"

namespace {

void scenario() {
  taut::go([] {
    taut::chan<int> note(0);
    note.send(1);
    note.recv();
  });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
