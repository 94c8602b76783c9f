// SPDX-License-Identifier: Apache-2.0
// The rules SELECT-nn of docs/semantics.md.
#include "taut/select.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "support/fixture.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

// Pearson's statistic of counts that should be equal.
double chi_square(const std::vector<int>& counts) {
  double sum = 0;
  for (int n : counts) sum += n;
  const double expected = sum / static_cast<double>(counts.size());
  double chi = 0;
  for (int n : counts) chi += (n - expected) * (n - expected) / expected;
  return chi;
}

RUNTIME_TEST(select, SELECT_01_operands_are_evaluated_once_in_order) {
  chan<int> a(1), b(1);
  std::string order;
  auto at = [&](char name, auto value) {
    order += name;
    return value;
  };
  // Braces order the evaluation; a call's arguments may be evaluated in any order.
  std::tuple cases{send(at('a', a), at('1', 1)), send(at('b', b), at('2', 2))};
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, "12ab");
  order.clear();
  std::apply([](auto&... each) { select(each...); }, cases);
  EXPECT_EQ(order, "");
  EXPECT_EQ(a.len() + b.len(), 1u);
}

RUNTIME_TEST(select, SELECT_02_ready_cases_are_chosen_uniformly) {
  constexpr int channels = 4, rounds_wanted = 4000;
  std::vector<chan<int>> c;
  for (int i = 0; i < channels; ++i) {
    c.emplace_back(1);
    c.back().send(i);
  }
  std::vector<int> counts(channels);
  for (int i = 0; i < rounds_wanted; ++i) {
    const std::size_t n = select(recv(c[0]), recv(c[1]), recv(c[2]), recv(c[3]));
    ++counts[n];
    c[n].send(0);
  }
  // 3 degrees of freedom; one run in ten million exceeds 35.
  EXPECT_LT(chi_square(counts), 35);
}

RUNTIME_TEST(select, SELECT_03_waiting_senders_are_chosen_uniformly) {
  chan<int> a(0), b(0);
  chan<unit> stop(0);
  auto feed = [=](chan<int> c) {
    for (bool more = true; more;) select(send(c, 1), recv(stop, [&] { more = false; }));
  };
  go([=] { feed(a); });
  go([=] { feed(b); });
  std::vector<int> counts(2);
  for (int i = 0; i < 2000; ++i) {
    until_waiting(wait_reason::select, 2);
    ++counts[select(recv(a), recv(b))];
  }
  stop.close();
  // 1 degree of freedom; one run in ten million exceeds 29.
  EXPECT_LT(chi_square(counts), 29);
}

RUNTIME_TEST(select, SELECT_04_otherwise_runs_only_when_nothing_is_ready) {
  chan<int> c(1);
  std::string ran;
  EXPECT_EQ(select(recv(c, [&] { ran += 'r'; }), otherwise([&] { ran += 'o'; })), 1u);
  EXPECT_EQ(select(send(c, 1, [&] { ran += 's'; }), otherwise([&] { ran += 'o'; })), 0u);
  EXPECT_EQ(select(send(c, 1, [&] { ran += 's'; }), otherwise([&] { ran += 'o'; })), 1u);
  EXPECT_EQ(select(otherwise([&] { ran += 'd'; }), recv(c, [&] { ran += 'r'; })), 1u);
  EXPECT_EQ(ran, "osor");
}

// At every instant one of the two channels holds the token, so "nothing is ready" is never true.
RUNTIME_TEST(select, SELECT_05_otherwise_is_decided_at_one_instant) {
  chan<int> a(1), b(1);
  std::atomic<bool> stop{false};
  a.send(1);
  chan<unit> ended(1);
  go([&, a, b, ended] {
    while (!stop) {
      b.send(1);
      a.recv();
      a.send(1);
      b.recv();
      yield();
    }
    ended.send({});
  });
  for (int i = 0; i < 300; ++i) {
    bool missed = false;
    // A send can proceed only into an empty channel; both full or one full: a look at both must
    // find a value. It is put back at once, so nothing is taken for good: the case is a send, which
    // must not be ready on both.
    select_list look;
    std::optional<int> from_a, from_b;
    look.recv(a, from_a);
    look.recv(b, from_b);
    const auto n = look.try_run();
    missed = !n.has_value();
    EXPECT_FALSE(missed);
    if (n == 0u) a.send(1);
    if (n == 1u) b.send(1);
    if (missed) break;
    if (i % 8 == 0) yield();
  }
  stop = true;
  ended.recv();
}

RUNTIME_TEST(select, SELECT_06_nil_channels_are_never_ready) {
  leave_behind(2);
  chan<int> nil, c(1);
  for (int i = 0; i < 50; ++i) {
    c.send(i);
    EXPECT_EQ(select(recv(nil), recv(c), send(nil, 1)), 1u);
  }
  EXPECT_EQ(select(recv(nil), send(nil, 1), otherwise()), 2u);
  go([] { select(recv(chan<int>()), send(chan<int>(), 1)); });
  until_waiting(wait_reason::select);
  go([] { select(); });
  until_waiting(wait_reason::select_no_cases);
  let_others_run();
  EXPECT_EQ(waiting(wait_reason::select), 1u);
  EXPECT_EQ(waiting(wait_reason::select_no_cases), 1u);
}

RUNTIME_TEST(select, SELECT_07_up_to_65535_cases) {
  constexpr std::size_t most = 65535;
  chan<int> c(1);
  const std::vector<chan<int>> idle(8, chan<int>(0));
  std::vector<std::optional<int>> into(most + 1);
  select_list list;
  for (std::size_t i = 0; i < most; ++i) {
    if (i == 40000) {
      list.recv(c, into[i]);
    } else {
      list.recv(idle[i % 8], into[i]);
    }
  }
  EXPECT_FALSE(list.try_run());
  go([=] { c.send(5); });
  EXPECT_EQ(list.run(), 40000u);
  EXPECT_EQ(into[40000], 5);
  list.recv(c, into[most]);
  EXPECT_NE(panic_of([&] { list.run(); }), "");
}

RUNTIME_TEST(select, SELECT_08_a_channel_may_appear_several_times) {
  chan<int> c(0);
  std::array<int, 3> counts{};
  go([=] {
    for (int i = 0; i < 300; ++i) c.send(i);
    c.close();
  });
  for (int i = 0; i < 300; ++i) ++counts[select(recv(c), recv(c), recv(c))];
  for (int n : counts) EXPECT_GT(n, 40);
  EXPECT_FALSE(c.recv());
}

RUNTIME_TEST(select, SELECT_09_a_select_does_not_meet_itself) {
  chan<int> c(0);
  EXPECT_EQ(select(send(c, 1), recv(c), otherwise()), 2u);
  go([=] { select(send(c, 1), recv(c)); });
  until_waiting(wait_reason::select);
  let_others_run();
  EXPECT_EQ(waiting(wait_reason::select), 1u);
  // Two of them meet each other.
  int got = 0;
  const std::size_t mine = select(send(c, 2), recv(c, [&](std::optional<int> v) { got = *v; }));
  EXPECT_EQ(got, mine == 0 ? 0 : 1);
}

RUNTIME_TEST(select, SELECT_10_closed_channels) {
  chan<int> c(1), nil;
  c.send(1);
  c.close();
  std::optional<int> got;
  EXPECT_EQ(select(recv(nil), recv(c, [&](std::optional<int> v) { got = v; })), 1u);
  EXPECT_EQ(got, 1);
  EXPECT_EQ(select(recv(nil), recv(c, [&](std::optional<int> v) { got = v; })), 1u);
  EXPECT_EQ(got, std::nullopt);
  EXPECT_EQ(panic_of([&] { select(send(c, 1), recv(nil)); }), "send on closed channel");
  EXPECT_EQ(panic_of([&] { select(send(c, 1), otherwise()); }), "send on closed channel");
}

RUNTIME_TEST(select, SELECT_11_a_waiting_send_case_panics_at_close) {
  chan<int> c(0), other(0);
  chan<std::string> told(1);
  go([=] { told.send(panic_of([&] { select(recv(other), send(c, 1)); })); });
  until_waiting(wait_reason::select);
  c.close();
  EXPECT_EQ(told.recv(), "send on closed channel");
  EXPECT_EQ(other.try_send(1).error(), errc::would_block);
}

RUNTIME_TEST(select, SELECT_12_crossing_selects_do_not_deadlock) {
  chan<int> a(0), b(0);
  chan<int> sums(4);
  for (int who = 0; who < 4; ++who) {
    go([=] {
      int sum = 0;
      for (int i = 0; i < 200; ++i) {
        auto take = [&](std::optional<int> v) { sum += *v; };
        switch (who) {
          case 0:
            sum -= 1;
            select(send(a, 1), send(b, 1));
            break;
          case 1:
            sum -= 1;
            select(send(b, 1), send(a, 1));
            break;
          case 2:
            select(recv(a, take), recv(b, take));
            break;
          default:
            select(recv(b, take), recv(a, take));
            break;
        }
      }
      sums.send(sum);
    });
  }
  int sum = 0;
  for (int i = 0; i < 4; ++i) sum += *sums.recv();
  EXPECT_EQ(sum, 0);
}

RUNTIME_TEST(select, SELECT_13_the_other_entries_are_removed) {
  chan<int> a(0), b(0);
  go([=] { select(recv(a), recv(b)); });
  until_waiting(wait_reason::select);
  a.send(1);
  until([] { return num_goroutine() == 1; });
  EXPECT_EQ(b.try_send(1).error(), errc::would_block);
  EXPECT_EQ(a.try_send(1).error(), errc::would_block);
}

RUNTIME_TEST(select, SELECT_14_a_timeout_runs_when_nothing_proceeds) {
  chan<int> c(1);
  std::string ran;
  EXPECT_EQ(select(recv(c, [&] { ran += 'r'; }), timeout(1ms, [&] { ran += 't'; })), 1u);
  c.send(1);
  EXPECT_EQ(select(recv(c, [&] { ran += 'r'; }), timeout(0ms, [&] { ran += 't'; })), 0u);
  go([=] { c.send(2); });
  EXPECT_EQ(select(recv(c, [&] { ran += 'r'; }), timeout(1h, [&] { ran += 't'; })), 0u);
  EXPECT_EQ(select(recv(chan<int>()), timeout(1ms, [&] { ran += 't'; })), 1u);
  EXPECT_EQ(select(timeout(1ms, [&] { ran += 't'; })), 0u);
  EXPECT_EQ(select(recv(c), timeout(-1s, [&] { ran += 't'; })), 1u);
  EXPECT_EQ(ran, "trrttt");
}

RUNTIME_TEST(select, SELECT_15_a_value_is_moved_only_when_its_case_is_chosen) {
  chan<std::unique_ptr<int>> full(1), empty(1);
  full.send(nullptr);
  auto mine = std::make_unique<int>(1), other = std::make_unique<int>(2);
  select_list list;
  list.send(full, mine);
  list.send(empty, other);
  EXPECT_EQ(list.run(), 1u);
  EXPECT_NE(mine, nullptr);
  EXPECT_EQ(other, nullptr);
  EXPECT_FALSE(list.try_run());
  EXPECT_EQ(list.size(), 2u);
}

RUNTIME_TEST(select, SELECT_16_the_function_runs_with_nothing_held) {
  chan<int> c(1);
  c.send(1);
  int got = 0;
  select(recv(c, [&](std::optional<int> v) {
    c.send(*v + 1);
    select(recv(c, [&](std::optional<int> w) { got = *w; }));
  }));
  EXPECT_EQ(got, 2);
}

RUNTIME_TEST(select, SELECT_17_exactly_one_case_is_done) {
  chan<int> a(1), b(1);
  for (int i = 0; i < 200; ++i) {
    select(send(a, 1), send(b, 1));
    EXPECT_EQ(a.len() + b.len(), 1u);
    select(recv(a), recv(b));
    EXPECT_EQ(a.len() + b.len(), 0u);
  }
}

}  // namespace
}  // namespace taut::test
