// SPDX-License-Identifier: Apache-2.0
// Whichever comes first: a value, or the end of the patience.
#include <taut/chan.h>
#include <taut/runtime.h>
#include <taut/select.h>

#include <cstdio>

using namespace std::chrono_literals;

int main() {
  taut::run([] {
    taut::chan<int> answers(1);
    auto wait_for_one = [&] {
      taut::select(
          taut::recv(answers, [](std::optional<int> n) { std::printf("answer %d\n", *n); }),
          taut::timeout(5ms, [] { std::printf("too late\n"); }));
    };
    wait_for_one();
    answers.send(7);
    wait_for_one();
    taut::select(taut::recv(answers), taut::otherwise([] { std::printf("nothing there\n"); }));
  });
}

// Output:
// too late
// answer 7
// nothing there
