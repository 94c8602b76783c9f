// SPDX-License-Identifier: Apache-2.0
// quiet
// One of them is not.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> a, b(1);
  taut::go([=] { taut::select(taut::recv(a), taut::recv(b)); });
  b.send(1);
}

}  // namespace

int main() { return leak_main(scenario, 0); }
