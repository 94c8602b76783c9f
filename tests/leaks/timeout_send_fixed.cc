// SPDX-License-Identifier: Apache-2.0
// quiet
// Room for the one answer.
#include "leak_program.h"

namespace {

void scenario() {
  auto [to, from] = taut::make_chan<int>(1);
  taut::chan<int> late(0);
  taut::go([to = to, late] {
    late.recv();
    to.send(1);
  });
  taut::select(taut::recv(from), taut::timeout(1ms));
  late.send(1);
}

}  // namespace

int main() { return leak_main(scenario, 0); }
