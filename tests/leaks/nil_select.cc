// SPDX-License-Identifier: Apache-2.0
// leak: proved R07 select
// Both channels are nil.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> a, b;
  taut::go([=] { taut::select(taut::recv(a), taut::recv(b)); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
