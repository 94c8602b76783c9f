// SPDX-License-Identifier: Apache-2.0
// A goroutine that uses up its stack is named before the process dies.
#include <taut/go.h>
#include <taut/runtime.h>

namespace {

[[gnu::noinline]] int deeper(int n) {
  volatile char room[512] = {};
  room[0] = static_cast<char>(n);
  return n < 0 ? 0 : deeper(n + 1) + room[0];
}

}  // namespace

int main() {
  taut::run([] {
    taut::go({.name = "digger"}, [] { deeper(1); });
    for (;;) taut::yield();
  });
}
