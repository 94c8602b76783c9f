// SPDX-License-Identifier: Apache-2.0
// quiet
// One of them receives first.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> a(0), b(0);
  taut::go([=] {
    a.send(1);
    b.recv();
  });
  taut::go([=] {
    a.recv();
    b.send(1);
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
