// SPDX-License-Identifier: Apache-2.0
// Ten goroutines add to one number.
#include <taut/go.h>
#include <taut/mutex.h>
#include <taut/runtime.h>
#include <taut/wait_group.h>

#include <cstdio>
#include <mutex>

int main() {
  taut::run([] {
    taut::mutex guard;
    int sum = 0;
    taut::wait_group all;
    for (int i = 1; i <= 10; ++i) {
      all.go([&, i] {
        std::scoped_lock hold(guard);
        sum += i;
      });
    }
    all.wait();
    std::printf("%d\n", sum);
  });
}

// Output: 55
