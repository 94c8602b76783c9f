// SPDX-License-Identifier: Apache-2.0
// Everybody waits: Go's fatal error, a dump, status 2.
#include <taut/chan.h>
#include <taut/go.h>
#include <taut/runtime.h>

int main() {
  taut::run([] {
    taut::chan<int> never(0);
    taut::go({.name = "helper"}, [=] { never.recv(); });
    never.recv();
  });
}
