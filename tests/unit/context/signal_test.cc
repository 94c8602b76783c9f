// SPDX-License-Identifier: Apache-2.0
// notify_context: signals end contexts, and are given back.
#include "taut/signal.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <exception>

#include "support/fixture.h"

namespace taut::test {
namespace {

RUNTIME_TEST(signal, ends_the_context_and_names_the_signal) {
  auto made = notify_context(background(), {SIGUSR1, SIGUSR2});
  ::kill(::getpid(), SIGUSR2);
  EXPECT_EQ(made.ctx.wait(), errc::canceled);
  try {
    std::rethrow_exception(made.ctx.cause());
  } catch (const signal_received& s) {
    EXPECT_EQ(s.number(), SIGUSR2);
    EXPECT_STREQ(s.what(), "user defined signal 2 signal received");
  }
}

std::atomic<int> handled{0};

RUNTIME_TEST(signal, the_old_disposition_comes_back) {
  ::signal(SIGUSR1, [](int) { ++handled; });
  handled = 0;
  {
    auto first = notify_context(background(), {SIGUSR1});
    auto second = notify_context(background(), {SIGUSR1});
    ::kill(::getpid(), SIGUSR1);
    EXPECT_TRUE(first.ctx.wait());
    EXPECT_TRUE(second.ctx.wait());
    EXPECT_EQ(handled, 0);
  }
  {
    auto unused = notify_context(background(), {SIGUSR1});
  }
  until([] {
    ::kill(::getpid(), SIGUSR1);
    return handled > 0;
  });
  EXPECT_NE(panic_of([] { static_cast<void>(notify_context(background(), {SIGKILL})); }), "");
}

}  // namespace
}  // namespace taut::test
