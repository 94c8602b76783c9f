// SPDX-License-Identifier: Apache-2.0
// Many read a table, one changes it.
#include <taut/runtime.h>
#include <taut/shared_mutex.h>
#include <taut/wait_group.h>

#include <cstdio>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>

int main() {
  taut::run([] {
    taut::shared_mutex guard;
    std::map<std::string, int> prices{{"apple", 3}};
    taut::wait_group all;
    for (int i = 0; i < 4; ++i) {
      all.go([&] {
        std::shared_lock read(guard);
        static_cast<void>(prices.at("apple"));
      });
    }
    all.go([&] {
      std::unique_lock write(guard);
      prices["pear"] = 5;
    });
    all.wait();
    std::printf("%zu prices\n", prices.size());
  });
}

// Output: 2 prices
