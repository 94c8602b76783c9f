// SPDX-License-Identifier: Apache-2.0
// Many ask for the same page at once; it is fetched once.
#include <taut/go.h>
#include <taut/runtime.h>
#include <taut/singleflight.h>
#include <taut/wait_group.h>

#include <atomic>
#include <cstdio>
#include <string>

int main() {
  taut::run([] {
    taut::singleflight<std::string, std::string> fetches;
    std::atomic<int> asked{0}, answered{0}, fetched{0};
    taut::wait_group all;
    for (int i = 0; i < 5; ++i) {
      all.go([&] {
        ++asked;
        auto [page, shared] = fetches.run("/index.html", [&] {
          ++fetched;
          while (asked.load() < 5) taut::yield();  // a slow server
          return std::string("hello");
        });
        if (page == "hello") ++answered;
      });
    }
    all.wait();
    std::printf("%d answers\n", answered.load());
  });
}

// Output: 5 answers
