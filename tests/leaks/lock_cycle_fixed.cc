// SPDX-License-Identifier: Apache-2.0
// quiet
// Both at once.
#include "leak_program.h"

namespace {

taut::mutex& a = immortal<taut::mutex>();
taut::mutex& b = immortal<taut::mutex>();

void scenario() {
  for (int i = 0; i < 2; ++i) {
    taut::go([=] { std::scoped_lock both(a, b); });
  }
}

}  // namespace

int main() { return leak_main(scenario, 0); }
