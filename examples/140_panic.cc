// SPDX-License-Identifier: Apache-2.0
// A caller's mistake throws a panic at the caller, with the words that Go uses for it.
#include <taut/chan.h>
#include <taut/mutex.h>
#include <taut/panic.h>
#include <taut/runtime.h>
#include <taut/wait_group.h>

#include <cstdio>

template <class F>
void show(F&& mistake) {
  try {
    mistake();
  } catch (const taut::panic& p) {
    std::printf("%s\n", p.what());
  }
}

int main() {
  taut::run([] {
    taut::chan<int> numbers(1);
    numbers.close();
    show([&] { numbers.send(1); });
    show([&] { numbers.close(); });

    taut::mutex m;
    show([&] { m.unlock(); });

    taut::wait_group group;
    show([&] { group.done(); });
  });
}

// Output:
// send on closed channel
// close of closed channel
// sync: unlock of unlocked mutex
// sync: negative WaitGroup counter
