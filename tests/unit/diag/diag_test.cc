// SPDX-License-Identifier: Apache-2.0
// stack(), dump() and find_leaks() beside traffic.
#include "taut/diag.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/mutex.h"
#include "taut/select.h"
#include "taut/wait_group.h"

namespace {

using taut::test::until;
using taut::test::until_waiting;

const taut::leak_options at_once{.min_age = std::chrono::seconds(0),
                                 .min_age_of_shared = std::chrono::seconds(0)};

RUNTIME_TEST(stack, shows_the_caller) {
  const std::string text = taut::stack();
  EXPECT_TRUE(text.starts_with("goroutine ")) << text;
  EXPECT_NE(text.find(" [running]"), std::string::npos) << text;
  EXPECT_NE(text.find("diag_test.cc:"), std::string::npos) << text;
}

RUNTIME_THREAD_TEST(stack, of_a_thread) {
  EXPECT_TRUE(taut::stack().starts_with("goroutine 0 [running, locked to thread]:\n"));
}

RUNTIME_TEST(stack, lists_labels_and_waits) {
  taut::chan<int> gate(0);
  taut::go([=] {
    taut::this_goroutine::set_label("tenant", "acme");
    gate.recv();
  });
  until_waiting(taut::rt::wait_reason::chan_receive);
  const std::string text = taut::stack(true);
  EXPECT_NE(text.find(" [chan receive] {tenant: acme}:\n"), std::string::npos) << text;
  EXPECT_NE(text.find("created by (anonymous namespace)::stack_lists_labels_and_waits_body in "
                      "goroutine "),
            std::string::npos)
      << text;
  gate.send(1);
}

// One label of a key: the program's own.
RUNTIME_TEST(stack, a_label_called_name_is_no_second_name) {
  taut::chan<int> gate(0);
  taut::go({.name = "reader"}, [=] {
    taut::this_goroutine::set_label("name", "mine");
    gate.recv();
  });
  until_waiting(taut::rt::wait_reason::chan_receive);
  const std::string text = taut::stack(true);
  EXPECT_NE(text.find(" [chan receive] {name: mine}:\n"), std::string::npos) << text;
  gate.send(1);
}

// As Go prints it: the function that said go, a lambda too.
RUNTIME_TEST(stack, says_which_function_created) {
  taut::chan<int> gate(0);
  auto start_one = [=] { taut::go([=] { gate.recv(); }); };
  start_one();
  until_waiting(taut::rt::wait_reason::chan_receive);
  const std::string text = taut::stack(true);
  EXPECT_NE(text.find("created by (anonymous namespace)::stack_says_which_function_created_body()::"
                      "{lambda} in goroutine "),
            std::string::npos)
      << text;
  gate.send(1);
}

// Deep, and not turned into a loop: something is done after the call.
[[gnu::noinline]] int down(int n, const taut::chan<int>& gate) {
  const int below = n == 0 ? gate.recv().value_or(0) : down(n - 1, gate);
  asm volatile("" ::: "memory");
  return below + n;
}

RUNTIME_TEST(stack, elides_the_middle) {
  taut::chan<int> gate(0);
  taut::go({.stack = 256 << 10}, [=] { down(150, gate); });
  until_waiting(taut::rt::wait_reason::chan_receive);
  const std::string text = taut::stack(true);
  EXPECT_NE(text.find(" frames elided...\n"), std::string::npos) << text;
  gate.send(1);
}

RUNTIME_TEST(find_leaks, is_quiet_without_leaks) {
  EXPECT_TRUE(taut::find_leaks(at_once).leaks.empty());
}

RUNTIME_TEST(find_leaks, respects_the_age) {
  taut::chan<int> gate(0);
  {
    auto [to, from] = taut::make_chan<int>(0);
    taut::go([to = to, gate] {
      to.send(1);
      gate.send(1);
    });
    until_waiting(taut::rt::wait_reason::chan_send);
    from.reset();
  }
  EXPECT_TRUE(taut::find_leaks({.min_age = std::chrono::hours(1)}).leaks.empty());
  EXPECT_EQ(taut::find_leaks(at_once).proved, 1u);
  taut::test::leave_behind(1);
}

RUNTIME_TEST(find_leaks, reports_as_text_and_json) {
  taut::go([] { taut::select(); });
  until_waiting(taut::rt::wait_reason::select_no_cases);
  const taut::leak_report report = taut::find_leaks(at_once);
  ASSERT_EQ(report.leaks.size(), 1u);
  EXPECT_EQ(report.leaks[0].cause, "R07");
  EXPECT_NE(report.to_text().find("proved: nothing can ever wake it"), std::string::npos)
      << report.to_text();
  for (std::size_t at = 0, end; (end = report.to_text().find('\n', at)) != std::string::npos;
       at = end + 1) {
    EXPECT_LE(end - at, 101u);
  }
  EXPECT_NE(report.to_json().find("\"cause\": \"R07\""), std::string::npos);
  taut::test::leave_behind(1);
}

// Healthy traffic of every kind, a report again and again, and leaks let loose in between: no
// report may name a healthy goroutine, and the last one must name every leak.
RUNTIME_TEST(find_leaks, beside_traffic) {
  constexpr std::size_t leaks = 12;
  std::atomic<bool> stop{false};
  taut::wait_group senders, receivers;
  taut::mutex m;
  auto numbers = std::make_unique<taut::chan<int>>(0);
  auto buffered = std::make_unique<taut::chan<int>>(4);
  for (int i = 0; i < 3; ++i) {
    senders.go([&, c = *numbers, b = *buffered] {
      while (!stop) {
        c.send(1);
        std::scoped_lock hold(m);
        b.try_send(2).error();
      }
    });
    receivers.go([&, c = *numbers, b = *buffered] {
      for (bool more = true; more;) {
        taut::select(taut::recv(c, [&](std::optional<int> v) { more = v.has_value(); }),
                     taut::recv(b));
        taut::wait_group inner;
        inner.go([&] { std::scoped_lock hold(m); });
        inner.wait();
      }
    });
  }
  std::size_t wrong = 0, made = 0, worst = 0;
  for (int round = 0; round < 60; ++round) {
    if (round % 5 == 0 && made < leaks) {
      auto [to, from] = taut::make_chan<int>(0);
      taut::go([to = to] { to.send(1); });
      ++made;
    }
    const taut::leak_report report = taut::find_leaks(at_once);
    wrong += report.suspected;
    worst = std::max(worst, report.proved);
    if (report.proved > made) ++wrong;
    taut::yield();
  }
  EXPECT_EQ(wrong, 0u) << taut::find_leaks(at_once).to_text();
  EXPECT_TRUE(until([&] { return taut::find_leaks(at_once).proved == made; }));
  stop = true;
  senders.wait();
  numbers->close();
  receivers.wait();
  taut::test::leave_behind(made);
}

}  // namespace
