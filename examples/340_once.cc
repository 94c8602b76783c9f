// SPDX-License-Identifier: Apache-2.0
// Settings are loaded by whoever needs them first, and only once.
#include <taut/once.h>
#include <taut/runtime.h>
#include <taut/wait_group.h>

#include <cstdio>
#include <string>

int main() {
  taut::run([] {
    taut::once_value settings([] {
      std::printf("loading\n");
      return std::string("verbose");
    });
    taut::wait_group all;
    for (int i = 0; i < 3; ++i) all.go([&] { static_cast<void>(settings()); });
    all.wait();
    std::printf("%s\n", settings().c_str());
  });
}

// Output:
// loading
// verbose
