// SPDX-License-Identifier: Apache-2.0
// quiet
// A thread that the runtime did not make holds the lock.
#include "leak_program.h"

#include <unistd.h>

#include <atomic>
#include <thread>

namespace {

taut::mutex& m = immortal<taut::mutex>();

void scenario() {
  std::atomic<bool> locked{false};
  std::thread([&locked] {
    std::scoped_lock hold(m);
    locked = true;
    for (;;) ::pause();
  }).detach();
  while (!locked) taut::yield();
  taut::go([] { std::scoped_lock hold(m); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
