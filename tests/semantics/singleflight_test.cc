// SPDX-License-Identifier: Apache-2.0
// The SINGLEFLIGHT rules of docs/semantics.md.
#include "taut/singleflight.h"

#include <stdexcept>
#include <string>

#include "support/fixture.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;

// Starts a call of key "k" that returns when `open` is set, and two that wait for it.
struct crowd {
  singleflight<std::string, int> calls;
  wait_group all;
  std::atomic<int> ran{0}, got{0};
  std::atomic<bool> open{false};

  template <class F>
  void start(F answer) {
    for (int i = 0; i < 3; ++i) {
      all.go([this, answer] {
        try {
          auto [value, shared] = calls.run("k", [&] {
            ++ran;
            until([&] { return open.load(); });
            return answer();
          });
          EXPECT_TRUE(shared);
          got += value;
        } catch (const std::runtime_error&) {
          got += 100;
        }
      });
    }
    until_waiting(wait_reason::wait_group_wait, 2);
  }
};

RUNTIME_TEST(singleflight_rules, SINGLEFLIGHT_01_callers_at_the_same_time_share_one_call) {
  crowd c;
  c.start([] { return 7; });
  c.open.store(true);
  c.all.wait();
  EXPECT_EQ(c.ran.load(), 1);
  EXPECT_EQ(c.got.load(), 21);
}

RUNTIME_TEST(singleflight_rules, SINGLEFLIGHT_02_a_later_call_runs_anew) {
  singleflight<int, int> calls;
  int n = 0;
  for (int i = 1; i <= 3; ++i) {
    const auto o = calls.run(1, [&] { return ++n; });
    EXPECT_EQ(o.value, i);
    EXPECT_FALSE(o.shared);
  }
}

RUNTIME_TEST(singleflight_rules, SINGLEFLIGHT_03_an_exception_reaches_every_caller) {
  crowd c;
  c.start([]() -> int { throw std::runtime_error("no"); });
  c.open.store(true);
  c.all.wait();
  EXPECT_EQ(c.ran.load(), 1);
  EXPECT_EQ(c.got.load(), 300);
}

RUNTIME_TEST(singleflight_rules, SINGLEFLIGHT_04_forget_lets_the_next_call_run) {
  crowd c;
  c.start([] { return 1; });
  c.calls.forget("k");
  EXPECT_EQ(c.calls.run("k", [] { return 9; }).value, 9);
  c.open.store(true);
  c.all.wait();
  EXPECT_EQ(c.ran.load(), 1);
}

RUNTIME_TEST(singleflight_rules, SINGLEFLIGHT_05_run_chan_sends_the_outcome) {
  singleflight<int, int> calls;
  auto good = calls.run_chan(1, [] { return 5; });
  EXPECT_EQ(good.recv()->get(), 5);
  EXPECT_FALSE(good.recv().has_value());
  auto bad = calls.run_chan(2, []() -> int { throw std::runtime_error("no"); });
  EXPECT_THROW(bad.recv()->get(), std::runtime_error);
}

RUNTIME_TEST(singleflight_rules, SINGLEFLIGHT_06_a_callers_end_reaches_those_who_wait) {
  singleflight<int, int> calls;
  wait_group all;
  std::atomic<int> returned{0};
  std::atomic<bool> open{false};
  for (int i = 0; i < 3; ++i) {
    all.go([&] {
      calls.run(1, [&]() -> int {
        until([&] { return open.load(); });
        goexit();
      });
      ++returned;
    });
  }
  until_waiting(wait_reason::wait_group_wait, 2);
  open.store(true);
  all.wait();
  EXPECT_EQ(returned.load(), 0);
}

}  // namespace
}  // namespace taut::test
