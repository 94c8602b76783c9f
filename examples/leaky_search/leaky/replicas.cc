// SPDX-License-Identifier: Apache-2.0
// Asking a replica with a timeout.
#include <taut/taut.h>

#include "../backend.h"
#include "../steps.h"

namespace search {

using namespace std::chrono_literals;

std::optional<std::string> ask_replica(int replica, const std::string& query) {
  // BUG: no room for the answer. After the timeout nobody receives it, and its sender waits for
  // ever.
  auto [reply, answers] = taut::make_chan<std::string>(0);
  taut::go([=, to = std::move(reply)] { to.send(backend::ask(replica, query)); });

  std::optional<std::string> answer;
  taut::select(
      taut::recv(answers, [&](std::optional<std::string> page) { answer = std::move(page); }),
      taut::timeout(10ms));
  return answer;
}

}  // namespace search
