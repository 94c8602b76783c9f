// SPDX-License-Identifier: Apache-2.0
// What a channel refuses, and in which words.
#include "taut/chan.h"

#include <memory>

struct throwing {
  throwing() = default;
  throwing(throwing&&) noexcept(false) {}
};

void use(taut::chan<std::unique_ptr<int>> any, taut::send_chan<int> out, taut::recv_chan<int> in) {
  any.send(std::make_unique<int>(1));
  out.send(1);
  (void)in.recv();
#if WRONG == 1
  // WRONG 1: a channel's element must move without throwing
  taut::chan<throwing> c(1);
#elif WRONG == 2
  // WRONG 2: recv
  (void)out.recv();
#elif WRONG == 3
  // WRONG 3: send
  in.send(1);
#endif
}
