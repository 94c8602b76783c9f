// SPDX-License-Identifier: Apache-2.0
// The profiles block and mutex as tools get them.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "decoded.h"
#include "http_client.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/debug.h"
#include "taut/mutex.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace {

using namespace std::chrono_literals;
using taut::debug::profile;
using taut::test::decode;
using taut::test::decoded_profile;

// While it lives, everything is profiled.
struct profiling {
  profiling() {
    taut::set_block_profile_rate(1ns);
    before = taut::set_mutex_profile_fraction(1);
  }
  ~profiling() {
    taut::set_block_profile_rate(0ns);
    taut::set_mutex_profile_fraction(0);
  }
  int before = 0;
};

[[gnu::noinline]] int take_an_order(const taut::chan<int>& orders) {
  const int order = orders.recv().value_or(0);
  asm volatile("" ::: "memory");
  return order;
}

[[gnu::noinline]] void keep_the_ledger(taut::mutex& ledger, std::chrono::nanoseconds time) {
  ledger.lock();
  taut::sleep_for(time);
  ledger.unlock();
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] void want_the_ledger(taut::mutex& ledger) {
  ledger.lock();
  ledger.unlock();
  asm volatile("" ::: "memory");
}

// In virtual time: three want the ledger while it is kept for a second; one waits two for an order.
void trade() {
  taut::start({.workers = 1, .virtual_time = true});
  taut::run([] {
    const profiling on;
    EXPECT_EQ(on.before, 0);
    taut::mutex ledger;
    taut::chan<int> orders(0);
    taut::wait_group all;
    all.go([&] { keep_the_ledger(ledger, 1s); });
    taut::test::until_waiting(taut::rt::wait_reason::sleep);
    for (int i = 0; i < 3; ++i) all.go([&] { want_the_ledger(ledger); });
    all.go([=] { take_an_order(orders); });
    taut::sleep_for(2s);
    orders.send(1);
    all.wait();
  });
  EXPECT_EQ(taut::stop(), 0u);
}

struct found {
  std::int64_t count = 0, nanoseconds = 0;
  std::set<std::string> leaves, roles;
};
found samples_of(const decoded_profile& d, const std::string& function, const char* role) {
  found f;
  for (const auto& s : d.samples) {
    const auto names = d.names_of(s);
    const auto label = s.labels.find("role");
    const std::string has = label == s.labels.end() ? "" : label->second;
    if (has != role || !std::ranges::any_of(names, [&](const std::string& name) {
          return name.find(function) != name.npos;
        }))
      continue;
    f.count += s.values.at(0);
    f.nanoseconds += s.values.at(1);
    f.leaves.insert(names.front());
  }
  return f;
}

TEST(contention_profiles, block_has_who_waited) {
  const decoded_profile before = decode(profile("block").text(0));
  trade();
  const decoded_profile d = decode(profile("block").text(0));
  using type = std::pair<std::string, std::string>;
  EXPECT_EQ(d.types, (std::vector<type>{{"contentions", "count"}, {"delay", "nanoseconds"}}));
  EXPECT_EQ(d.period_type, type("contentions", "count"));
  EXPECT_EQ(d.period, 1);
  const found then = samples_of(before, "take_an_order", ""),
              now = samples_of(d, "take_an_order", "");
  EXPECT_EQ(now.count - then.count, 1);
  EXPECT_EQ(now.nanoseconds - then.nanoseconds, 2'000'000'000);
  // Not the runtime's own.
  for (const std::string& leaf : now.leaves) EXPECT_FALSE(leaf.starts_with("taut::rt")) << leaf;
  EXPECT_GE(samples_of(d, "want_the_ledger", "").count, 3);
  EXPECT_GE(profile("block").count(), 2u);
}

TEST(contention_profiles, mutex_has_who_held_and_who_waited) {
  const decoded_profile before = decode(profile("mutex").text(0));
  trade();
  const decoded_profile d = decode(profile("mutex").text(0));
  const found held = samples_of(d, "keep_the_ledger", "holder"),
              held_then = samples_of(before, "keep_the_ledger", "holder");
  EXPECT_EQ(held.nanoseconds - held_then.nanoseconds, 3'000'000'000);
  EXPECT_EQ(held.leaves, std::set<std::string>{"taut::mutex::unlock"});
  const found waited = samples_of(d, "want_the_ledger", "waiter"),
              waited_then = samples_of(before, "want_the_ledger", "waiter");
  EXPECT_EQ(waited.nanoseconds - waited_then.nanoseconds, 3'000'000'000);
  EXPECT_EQ(waited.count - waited_then.count, 3);
  EXPECT_EQ(waited.leaves, std::set<std::string>{"taut::mutex::lock"});
  EXPECT_EQ(samples_of(d, "keep_the_ledger", "waiter").count, 0);
}

// Go's form; and the sum of what it shows is the holders'.
TEST(contention_profiles, texts_have_gos_form) {
  trade();
  const std::regex record("\\d+ \\d+ @( 0x[0-9a-f]+)+"),
      frame("#\t0x[0-9a-f]+(\t+[^\t]+\\+0x[0-9a-f]+\t+[^\t]+:\\d+)?");
  auto check = [&](const std::string& text, const std::string& head) {
    ASSERT_TRUE(text.starts_with(head)) << text;
    std::istringstream lines(text.substr(head.size()));
    std::int64_t last = INT64_MAX;
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) continue;
      if (line[0] == '#') {
        EXPECT_TRUE(std::regex_match(line, frame)) << line;
        continue;
      }
      EXPECT_TRUE(std::regex_match(line, record)) << line;
      const std::int64_t delay = std::stoll(line);
      EXPECT_LE(delay, last) << line;
      last = delay;
    }
  };
  check(profile("block").text(1), "--- contention:\ncycles/second=1000000000\n");
  const std::string mutexes = profile("mutex").text(1);
  check(mutexes, "--- mutex:\ncycles/second=1000000000\nsampling period=0\n");
  EXPECT_NE(mutexes.find("keep_the_ledger"), mutexes.npos);
  EXPECT_EQ(mutexes.find("taut::mutex::lock+"), mutexes.npos) << mutexes;
}

TEST(contention_profiles, say_that_they_are_off) {
  const std::string remedy = "off: the program turns it on by taut::set_block_profile_rate()";
  EXPECT_EQ(decode(profile("block").text(0)).comments, std::vector<std::string>{remedy});
  const profiling on;
  EXPECT_TRUE(decode(profile("block").text(0)).comments.empty());
  EXPECT_TRUE(decode(profile("mutex").text(0)).comments.empty());
  EXPECT_EQ(taut::set_mutex_profile_fraction(-1), 1);
  EXPECT_EQ(taut::set_mutex_profile_fraction(7), 1);
  EXPECT_NE(profile("mutex").text(1).find("sampling period=7\n"), std::string::npos);
}

TEST(contention_profiles, have_deltas) {
  trade();  // what was before is not in it
  taut::start({.workers = 2});
  {
    auto s = taut::debug::server::start("127.0.0.1:0");
    ASSERT_TRUE(s);
    taut::run([&] {
      const profiling on;
      std::atomic<bool> answered{false};
      taut::test::http_answer a;
      std::thread client([&] {
        a = taut::test::ask(s->address(), "/debug/pprof/block?seconds=1");
        answered = true;
      });
      taut::chan<int> pings(0);
      taut::wait_group all;
      all.go([&] {
        while (take_an_order(pings) != 0) {
        }
      });
      while (!answered) pings.send(1);
      pings.send(0);
      all.wait();
      client.join();
      EXPECT_EQ(a.status, 200);
      EXPECT_EQ(a.header("Content-Disposition"), "attachment; filename=\"block-delta\"");
      const decoded_profile d = decode(a.body);
      EXPECT_GE(d.duration_nanos, 1'000'000'000);
      EXPECT_GT(samples_of(d, "take_an_order", "").count, 0);
      EXPECT_EQ(samples_of(d, "want_the_ledger", "").count, 0);
    });
  }
  EXPECT_EQ(taut::stop(), 0u);
}

}  // namespace
