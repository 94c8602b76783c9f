// SPDX-License-Identifier: Apache-2.0
// Buffers are used again rather than made again.
#include <taut/pool.h>
#include <taut/runtime.h>

#include <cstdio>
#include <memory>
#include <string>

int main() {
  taut::run([] {
    int made = 0;
    taut::pool<std::string> buffers([&] {
      ++made;
      return std::make_unique<std::string>();
    });
    for (int i = 0; i < 100; ++i) {
      auto text = buffers.get();
      text->assign("request ");
      text->append(std::to_string(i));
    }  // goes back here
    std::printf("%s\n", made < 10 ? "few were made" : "too many were made");
  });
}

// Output: few were made
