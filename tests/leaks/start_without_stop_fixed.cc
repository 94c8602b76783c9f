// SPDX-License-Identifier: Apache-2.0
// quiet
// As start_without_stop, with a destructor that stops the worker.
#include "leak_program.h"

namespace {

class pool {
 public:
  pool() {
    taut::go([jobs = taut::recv_chan<int>(jobs_), stop = taut::recv_chan<int>(stop_)] {
      for (bool more = true; more;) {
        taut::select(taut::recv(jobs), taut::recv(stop, [&](std::optional<int>) { more = false; }));
      }
    });
  }
  ~pool() { stop_.close(); }

 private:
  taut::chan<int> jobs_{0}, stop_{0};
};

void scenario() { pool p; }

}  // namespace

int main() { return leak_main(scenario, 0); }
