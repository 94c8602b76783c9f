// SPDX-License-Identifier: Apache-2.0
// leak: suspected R13 chan send
// The consumer takes three values of an endless row.
#include "leak_program.h"

namespace {

taut::chan<int> numbers() {
  taut::chan<int> row(0);
  taut::go([=] {
    for (int n = 0;; ++n) row.send(n);
  });
  return row;
}

void scenario() {
  taut::chan<int> row = numbers();
  for (int i = 0; i < 3; ++i) row.recv();
}

}  // namespace

int main() { return leak_main(scenario, 1); }
