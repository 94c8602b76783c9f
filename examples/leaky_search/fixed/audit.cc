// SPDX-License-Identifier: Apache-2.0
// Writing a line to the audit trail: one goroutine numbers it, another prints it.
#include <taut/taut.h>

#include <memory>
#include <mutex>

#include "../steps.h"

namespace search {
namespace {

struct trail {
  taut::mutex lock;
  int numbered = 0;  // both guarded by lock
  int printed = 0;
};

void print(trail& t, const taut::recv_chan<std::string>& lines) {
  {
    std::scoped_lock hold(t.lock);
    ++t.printed;
  }
  lines.recv();
}

void number(trail& t, const taut::send_chan<std::string>& lines, const std::string& line) {
  int n = 0;
  {
    std::scoped_lock hold(t.lock);
    n = ++t.numbered;
  }
  lines.send(std::to_string(n) + " " + line);  // with nothing held
}

}  // namespace

void audit(const std::string& line) {
  auto t = std::make_shared<trail>();
  auto [in, out] = taut::make_chan<std::string>(0);
  taut::go([=, lines = std::move(out)] { print(*t, lines); });
  taut::go([=, lines = std::move(in)] { number(*t, lines, line); });
}

}  // namespace search
