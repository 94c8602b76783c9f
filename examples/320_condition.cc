// SPDX-License-Identifier: Apache-2.0
// A queue whose reader sleeps until there is something to read.
#include <taut/condition.h>
#include <taut/runtime.h>
#include <taut/wait_group.h>

#include <cstdio>
#include <deque>
#include <mutex>

int main() {
  taut::run([] {
    taut::mutex guard;
    taut::condition filled;
    std::deque<int> queue;
    taut::wait_group reader;
    reader.go([&] {
      for (int n = 0; n < 3; ++n) {
        std::unique_lock hold(guard);
        filled.wait(hold, [&] { return !queue.empty(); });
        std::printf("%d\n", queue.front());
        queue.pop_front();
      }
    });
    for (int i = 1; i <= 3; ++i) {
      {
        std::scoped_lock hold(guard);
        queue.push_back(i * i);
      }
      filled.signal();
    }
    reader.wait();
  });
}

// Output:
// 1
// 4
// 9
