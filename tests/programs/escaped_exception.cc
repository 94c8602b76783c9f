// SPDX-License-Identifier: Apache-2.0
// An exception that leaves a goroutine ends the process, with the thrower's stack.
#include <taut/chan.h>
#include <taut/diag.h>
#include <taut/go.h>
#include <taut/runtime.h>

#include <stdexcept>
#include <string>

namespace {

[[gnu::noinline]] void parse() { throw std::runtime_error("bad input"); }

}  // namespace

int main() {
  taut::run([] {
    taut::chan<int> never(0);
    taut::go([] {
      while (taut::stack(true).find("[chan receive] {name: main}") == std::string::npos)
        taut::yield();
      parse();
    });
    never.recv();
  });
}
