// SPDX-License-Identifier: Apache-2.0
// Ten downloads, never more than three at once.
#include <taut/go.h>
#include <taut/runtime.h>
#include <taut/semaphore.h>
#include <taut/wait_group.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

int main() {
  taut::run([] {
    taut::semaphore connections(3);
    std::atomic<int> open{0}, most{0};
    taut::wait_group all;
    for (int i = 0; i < 10; ++i) {
      all.go([&] {
        connections.acquire();
        const int now = open.fetch_add(1) + 1;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        taut::yield();
        open.fetch_sub(1);
        connections.release();
      });
    }
    all.wait();
    std::printf("%s\n", most.load() <= 3 ? "never more than three" : "too many");
  });
}

// Output: never more than three
