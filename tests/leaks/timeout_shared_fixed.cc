// SPDX-License-Identifier: Apache-2.0
// quiet
// Room for the one answer.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> answer(1), late(0);
  taut::go([=] {
    late.recv();
    answer.send(1);
  });
  taut::select(taut::recv(answer), taut::timeout(1ms));
  late.send(1);
}

}  // namespace

int main() { return leak_main(scenario, 0); }
