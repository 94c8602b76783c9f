// SPDX-License-Identifier: Apache-2.0
// quiet
// As behind_a_leak, with a guard in the first.
#include "leak_program.h"

namespace {

taut::mutex& first = immortal<taut::mutex>();
taut::mutex& second = immortal<taut::mutex>();

void scenario() {
  taut::chan<int> done(0);
  taut::go([=] {
    std::scoped_lock hold(first);
    done.send(1);
  });
  done.recv();
  taut::go([=] {
    std::scoped_lock hold(second);
    done.send(1);
    std::scoped_lock both(first);
  });
  done.recv();
  taut::go([] { std::scoped_lock hold(second); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
