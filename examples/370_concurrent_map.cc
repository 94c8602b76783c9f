// SPDX-License-Identifier: Apache-2.0
// Words counted by several goroutines in one map.
#include <taut/concurrent_map.h>
#include <taut/runtime.h>
#include <taut/wait_group.h>

#include <cstdio>
#include <string>

int main() {
  taut::run([] {
    taut::concurrent_map<std::string, int> counts;
    taut::wait_group all;
    for (int i = 0; i < 4; ++i) {
      all.go([&] {
        for (const char* word : {"to", "be", "or", "not", "to", "be"}) {
          int seen = counts.load_or_store(word, 0).value;
          while (!counts.compare_and_swap(word, seen, seen + 1)) seen = *counts.load(word);
        }
      });
    }
    all.wait();
    std::printf("to %d, not %d, %zu words\n", *counts.load("to"), *counts.load("not"),
                counts.size());
  });
}

// Output: to 8, not 4, 4 words
