// SPDX-License-Identifier: Apache-2.0
// quiet
// A thread has the only handle in its thread_local.
#include "leak_program.h"

#include <unistd.h>

#include <atomic>
#include <thread>

namespace {

thread_local taut::send_chan<int> mine;

void scenario() {
  taut::chan<int> answer(0);
  taut::go([from = taut::recv_chan<int>(answer)] { from.recv(); });
  std::atomic<bool> kept{false};
  std::thread([&kept, to = taut::send_chan<int>(answer)]() mutable {
    mine = std::move(to);
    kept = true;
    for (;;) ::pause();
  }).detach();
  while (!kept) taut::yield();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
