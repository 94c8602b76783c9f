// SPDX-License-Identifier: Apache-2.0
// quiet
// The partner waits for bytes, and will send.
#include "leak_program.h"

#include <taut/io.h>

#include <cstddef>

namespace {

void scenario() {
  taut::chan<int> answer(0);
  taut::go([=] { answer.recv(); });
  taut::go([=] {
    auto ends = taut::make_pipe();
    std::byte bytes[1];
    static_cast<void>(ends->reader.read_some(bytes));
    answer.send(1);
  });
}

}  // namespace

int main() { return leak_main(scenario, 0); }
