// SPDX-License-Identifier: Apache-2.0
// quiet
// As receive_in_lock, with the wait after unlock().
#include "leak_program.h"

namespace {

taut::mutex& m = immortal<taut::mutex>();

void scenario() {
  taut::chan<int> stop(0), stopped(0), never(0);
  taut::go([=] {
    stop.recv();
    m.lock();
    m.unlock();
    stopped.send(1);
  });
  taut::go([=] {
    std::unique_lock hold(m);
    stop.send(1);
    hold.unlock();
    taut::select(taut::recv(stopped), taut::recv(never));
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
