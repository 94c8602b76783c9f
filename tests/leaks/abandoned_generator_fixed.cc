// SPDX-License-Identifier: Apache-2.0
// quiet
// The consumer says that it is done.
#include "leak_program.h"

namespace {

taut::chan<int> numbers(const taut::chan<taut::unit>& done) {
  taut::chan<int> row(0);
  taut::go([=] {
    bool more = true;
    for (int n = 0; more; ++n)
      taut::select(taut::send(row, n), taut::recv(done, [&] { more = false; }));
  });
  return row;
}

void scenario() {
  taut::chan<taut::unit> done(0);
  taut::chan<int> row = numbers(done);
  for (int i = 0; i < 3; ++i) row.recv();
  done.close();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
