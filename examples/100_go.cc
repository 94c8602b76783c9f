// SPDX-License-Identifier: Apache-2.0
// Goroutines: their arguments, their names and labels, and the context that ends them.
#include <taut/chan.h>
#include <taut/context.h>
#include <taut/go.h>
#include <taut/panic.h>
#include <taut/runtime.h>
#include <taut/time.h>

#include <cstdio>
#include <string>

using namespace std::chrono_literals;

int main() {
  taut::run([] {
    taut::chan<std::string> told(0);

    // Arguments are copied or moved, as std::thread's.
    auto greet = [told](const std::string& who) { told.send("hello, " + who); };
    taut::go(greet, std::string("gopher"));
    std::printf("%s\n", told.recv()->c_str());

    // Dumps show the name and the labels. Goroutines that this one starts later inherit the labels.
    taut::go({.name = "reader"}, [=] {
      taut::this_goroutine::set_label("request", "42");
      taut::go([=] { told.send("request " + taut::this_goroutine::label("request")); });
    });
    std::printf("%s\n", told.recv()->c_str());

    // Bound to a context: when it is cancelled, the goroutine's wait ends by an exception.
    auto [ctx, cancel] = taut::with_cancel(taut::background());
    taut::go(ctx, [=] {
      try {
        taut::sleep_for(1h);
      } catch (const taut::canceled&) {
        taut::shield clean_up;  // this wait is not ended
        told.send("woken before its time");
        throw;
      }
    });
    cancel();
    std::printf("%s\n", told.recv()->c_str());
  });
}

// Output:
// hello, gopher
// request 42
// woken before its time
