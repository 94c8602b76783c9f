// SPDX-License-Identifier: Apache-2.0
// leak: proved R07 chan receive (nil chan)
// The channel is made too late: the goroutine has a copy of the nil handle.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> results;
  taut::go([=] { results.recv(); });
  results = taut::chan<int>(1);
  results.send(1);
}

}  // namespace

int main() { return leak_main(scenario, 1); }
