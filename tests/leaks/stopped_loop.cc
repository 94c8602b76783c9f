// SPDX-License-Identifier: Apache-2.0
// leak: suspected R10 chan send
// A request to a loop that was stopped.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> requests(0), stop(0), stopped(0);
  taut::go([=] {
    for (bool more = true; more;) {
      taut::select(taut::recv(requests, [](std::optional<int>) {}),
                   taut::recv(stop, [&](std::optional<int>) { more = false; }));
    }
    stopped.send(1);
  });
  requests.send(1);
  // The loop waits in its select again: else what it left the channel for may be another story.
  while (taut::stack(true).find("[select") == std::string::npos) taut::yield();
  stop.send(1);
  stopped.recv();
  taut::go([=] { requests.send(2); });
}

}  // namespace

int main() { return leak_main(scenario, 1); }
