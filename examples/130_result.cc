// SPDX-License-Identifier: Apache-2.0
// Errors of normal work are values: a result holds what was wanted, or says why there is none.
#include <taut/chan.h>
#include <taut/result.h>
#include <taut/runtime.h>

#include <cstdio>
#include <string>
#include <system_error>

// Returns the next number, or why there is none.
taut::result<int> next(const taut::chan<int>& numbers) {
  taut::result<int> n = numbers.try_recv();
  if (!n) return n.error();
  return *n * 10;
}

int main() {
  taut::run([] {
    taut::chan<int> numbers(1);
    numbers.send(1);
    std::printf("%d\n", next(numbers).value_or(-1));

    if (auto n = next(numbers); n.error() == taut::errc::would_block)
      std::printf("nothing there\n");

    numbers.close();
    try {
      std::printf("%d\n", next(numbers).value());
    } catch (const std::system_error& e) {
      std::printf("%s: %s\n", e.code().category().name(), e.code().message().c_str());
    }
  });
}

// Output:
// 10
// nothing there
// taut: closed
