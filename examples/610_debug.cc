// SPDX-License-Identifier: Apache-2.0
// A server for Go's tools, and the same answers inside the program. Started with the argument
// "stay" it serves until it is stopped: look with
//   curl 'http://127.0.0.1:6060/debug/pprof/goroutine?debug=1'
//   go tool pprof -top http://127.0.0.1:6060/debug/pprof/goroutine
#include <taut/taut.h>

#include <cstdio>
#include <string>

namespace {

[[gnu::noinline]] void wait_for_orders(const taut::chan<int>& orders) {
  for (int order : orders) std::printf("order %d\n", order);
}

}  // namespace

int main(int argc, char**) {
  return taut::run([&] {
    const bool stay = argc > 1;
    auto server = taut::debug::server::start(stay ? "127.0.0.1:6060" : "127.0.0.1:0");
    if (!server) {
      std::printf("%s\n", server.error().message().c_str());
      return 1;
    }
    taut::chan<int> orders(0);
    taut::wait_group waiters;
    for (int i = 0; i < 3; ++i) waiters.go([&] { wait_for_orders(orders); });
    if (stay) {
      std::printf("serving http://%s/debug/pprof/\n", server->address().c_str());
      std::fflush(stdout);
      waiters.wait();
    }

    const taut::debug::profile goroutines("goroutine");
    while (goroutines.text(2).find("[chan receive]") == std::string::npos) taut::yield();
    std::printf("%zu goroutines\n", goroutines.count());
    orders.close();
    waiters.wait();

    auto refused = taut::debug::server::start("0.0.0.0:6060");
    const std::string why = refused.error().message();  // and, after a semicolon, the remedy
    std::printf("%s\n", why.substr(0, why.find(';')).c_str());
    return 0;
  });
}

// Output: 4 goroutines
// the debug server's address can be reached from other machines
