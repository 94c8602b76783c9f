// SPDX-License-Identifier: Apache-2.0
// quiet
// A handle in the heap can still be used.
#include "leak_program.h"

namespace {

struct owner {
  taut::chan<int> jobs{0};
};
std::unique_ptr<owner> kept;

void scenario() {
  kept = std::make_unique<owner>();
  taut::go([jobs = kept->jobs] { jobs.recv(); });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
