// SPDX-License-Identifier: Apache-2.0
// /healthz: healthy, kept workers, and nothing that starts.
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "http_client.h"
#include "support/fixture.h"
#include "taut/debug.h"
#include "taut/io.h"
#include "taut/wait_group.h"

namespace {

using taut::debug::server;
using taut::test::ask;
using taut::test::http_answer;

server started() { return server::start("127.0.0.1:0").value(); }

RUNTIME_THREAD_TEST(health, is_healthy) {
  server s = started();
  const http_answer a = ask(s.address(), "/healthz");
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.header("Content-Type"), "application/json; charset=utf-8");
  const auto health = nlohmann::json::parse(a.body);
  EXPECT_EQ(health["status"], "ok");
  EXPECT_EQ(health["workers"], taut::test::current_options().workers);
  EXPECT_TRUE(health["stalled"].empty());
}

// A goroutine inside blocking() has said that it keeps its thread: it is not named, and nobody
// looks for long.
RUNTIME_THREAD_TEST(health, takes_blocking_for_healthy) {
  server s = started();
  std::atomic<bool> inside{false}, stop{false};
  taut::wait_group done;
  done.go([&] {
    taut::blocking([&] {
      inside = true;
      inside.notify_one();
      stop.wait(false);
    });
  });
  inside.wait(false);
  const auto health = nlohmann::json::parse(ask(s.address(), "/healthz").body);
  EXPECT_EQ(health["status"], "ok");
  EXPECT_TRUE(health["stalled"].empty()) << health.dump();
  EXPECT_LT(health["looked_ms"], 200);
  stop = true;
  stop.notify_one();
  done.wait();
}

// With a seed no spare worker joins, so what is ready waits for the loop to end.
TEST(health, is_unhealthy_when_nothing_starts) {
  taut::start({.workers = 1, .perturb_seed = 1});
  server s = started();
  std::atomic<bool> spins{false}, stop{false};
  taut::wait_group done;
  done.go([&] {
    spins = true;
    spins.notify_one();
    while (!stop) {
    }
  });
  spins.wait(false);
  done.go([] {});
  const http_answer a = ask(s.address(), "/healthz");
  EXPECT_EQ(a.status, 503);
  const auto health = nlohmann::json::parse(a.body);
  EXPECT_EQ(health["status"], "stuck");
  EXPECT_EQ(health["stalled"].size(), 1u);
  stop = true;
  done.wait();
  EXPECT_EQ(ask(s.address(), "/healthz").status, 200);
  taut::stop();
}

}  // namespace
