// SPDX-License-Identifier: Apache-2.0
// A server's orderly end: a context that a signal ends.
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include <taut/taut.h>

int main() {
  taut::run([] {
    auto [ctx, stop] = taut::notify_context(taut::background(), {SIGINT, SIGTERM});
    ::kill(::getpid(), SIGTERM);
    static_cast<void>(ctx.wait());
    try {
      std::rethrow_exception(ctx.cause());
    } catch (const taut::signal_received& s) {
      std::printf("%s\n", s.what());
    }
  });
}

// Output: terminated signal received
