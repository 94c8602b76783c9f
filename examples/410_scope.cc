// SPDX-License-Identifier: Apache-2.0
// A scope joins its goroutines; the first error cancels the others and is rethrown.
#include <taut/taut.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>

using namespace std::chrono_literals;

int main() {
  taut::run([] {
    std::atomic<int> ended{0};
    struct count {
      std::atomic<int>& n;
      ~count() { ++n; }
    };
    try {
      taut::scope s;
      for (int i = 0; i < 3; ++i) {
        s.go([&ended] {
          count one{ended};
          taut::sleep_for(1h);
        });
      }
      s.go([] { throw std::runtime_error("replica 4 is down"); });
      s.wait();
    } catch (const std::exception& e) {
      std::printf("%s; %d others ended\n", e.what(), ended.load());
    }
  });
}

// Output: replica 4 is down; 3 others ended
