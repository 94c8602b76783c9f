// SPDX-License-Identifier: Apache-2.0
// quiet
// As stopped_loop; the request looks at the stop, too.
#include "leak_program.h"

namespace {

void scenario() {
  taut::chan<int> requests(0), stop(0), stopped(0);
  taut::go([=] {
    for (bool more = true; more;) {
      taut::select(taut::recv(requests, [](std::optional<int>) {}),
                   taut::recv(stop, [&](std::optional<int>) { more = false; }));
    }
    stopped.close();
  });
  requests.send(1);
  for (int i = 0; i < 20; ++i) taut::yield();
  stop.send(1);
  stopped.recv();
  taut::go([=] { taut::select(taut::send(requests, 2), taut::recv(stopped)); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
