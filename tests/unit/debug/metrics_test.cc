// SPDX-License-Identifier: Apache-2.0
// /metrics: its figures, its form, and what Prometheus' own checker says of it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "sched/runtime_state.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/debug.h"
#include "taut/io.h"
#include "taut/mutex.h"
#include "taut/wait_group.h"
#include "unit/debug/http_client.h"

namespace {

using taut::debug::server;

struct page {
  std::map<std::string, double> samples;  // by name and labels
  std::map<std::string, std::string> types;
  std::string text;
  double at(const std::string& name) const {
    const auto found = samples.find(name);
    EXPECT_NE(found, samples.end()) << name << " is missing in\n" << text;
    return found == samples.end() ? -1 : found->second;
  }
};

bool is_name(const std::string& text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == text.npos;
}

void fetch(const server& s, page& p) {
  const taut::test::http_answer a = taut::test::parsed(taut::test::exchange_bytes(
      s.address(), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", false));
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  p.text = a.body;
  std::istringstream lines(a.body);
  std::string family;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, second, third, name;
    words >> first >> second >> third >> name;
    if (first == "#" && second == "HELP" && !name.empty()) {
      family = third;
      EXPECT_TRUE(is_name(family)) << line;
    } else if (first == "#" && second == "TYPE") {
      EXPECT_EQ(third, family) << line;
      EXPECT_TRUE(name == "counter" || name == "gauge" || name == "histogram") << line;
      EXPECT_TRUE(p.types.emplace(third, name).second) << "twice: " << line;
    } else {
      // Values of labels contain spaces, so the sample's is found from the right.
      const std::size_t space = line.rfind(' ');
      ASSERT_NE(space, line.npos) << "not in the format: " << line;
      const std::string sample = line.substr(0, space);
      std::string of = sample.substr(0, sample.find('{'));
      if (p.types[family] == "histogram") {
        const std::size_t part = of.rfind('_');
        ASSERT_TRUE(part != of.npos && (of.substr(part) == "_bucket" || of.substr(part) == "_sum" ||
                                        of.substr(part) == "_count"))
            << line;
        of.resize(part);
      }
      EXPECT_EQ(of, family) << line;
      EXPECT_EQ(sample.find('{') != sample.npos, sample.ends_with("\"}")) << line;
      EXPECT_TRUE(p.samples.emplace(sample, std::stod(line.substr(space + 1))).second) << line;
    }
  }
  for (const auto& [name, kind] : p.types)
    EXPECT_EQ(kind == "counter", name.ends_with("_total")) << name;
}
page fetch(const server& s) {
  page p;
  fetch(s, p);
  return p;
}

server started() {
  auto s = server::start("127.0.0.1:0");
  EXPECT_TRUE(s) << s.error().message();
  return std::move(*s);
}

TEST(metrics, count_goroutines_by_what_they_wait_for) {
  taut::start({.workers = 2});
  {
    server s = started();
    taut::run([&] {
      taut::chan<int> never(0);
      taut::mutex m;
      m.lock();
      taut::wait_group all;
      for (int i = 0; i < 7; ++i) all.go([=] { never.recv(); });
      for (int i = 0; i < 3; ++i) {
        all.go([&m] {
          m.lock();
          m.unlock();
        });
      }
      taut::test::until_waiting(taut::rt::wait_reason::chan_receive, 7);
      taut::test::until_waiting(taut::rt::wait_reason::mutex_lock, 3);
      const page p = fetch(s);
      EXPECT_EQ(p.at("go_goroutines"), 11);
      EXPECT_EQ(p.at("taut_goroutines_waiting{reason=\"chan receive\"}"), 7);
      EXPECT_EQ(p.at("taut_goroutines_waiting{reason=\"sync.Mutex.Lock\"}"), 3);
      EXPECT_EQ(p.at("go_sched_goroutines_waiting_goroutines"), 10);
      EXPECT_EQ(p.at("go_sched_goroutines_running_goroutines"), 1);
      EXPECT_EQ(p.at("go_sched_goroutines_not_in_go_goroutines"), 0);
      const page inside = taut::blocking([&] { return fetch(s); });
      EXPECT_EQ(inside.at("go_sched_goroutines_not_in_go_goroutines"), 1);
      EXPECT_EQ(inside.at("go_sched_goroutines_running_goroutines"), 0);
      EXPECT_EQ(p.at("go_sched_gomaxprocs_threads"), 2);
      EXPECT_GE(p.at("go_sched_goroutines_created_goroutines_total"), 11);
      EXPECT_GT(p.at("taut_goroutines_longest_wait_seconds{reason=\"chan receive\"}"), 0);
      EXPECT_EQ(p.at("taut_goroutines_longest_wait_seconds{reason=\"sleep\"}"), 0);
      EXPECT_GT(p.at("process_resident_memory_bytes"), 1e6);
      EXPECT_GT(p.at("process_open_fds"), 3);
      EXPECT_LT(std::abs(p.at("process_start_time_seconds") - static_cast<double>(::time(nullptr))),
                24 * 3600);
      m.unlock();
      never.close();
      all.wait();
    });
  }
  EXPECT_EQ(taut::stop(), 0u);
}

// Stacks by who has them, and goroutines that may not change their worker.
TEST(metrics, count_stacks_and_pins) {
  taut::start({.workers = 2});
  {
    server s = started();
    taut::run([&] {
      taut::chan<int> never(0);
      taut::wait_group all;
      for (int i = 0; i < 5; ++i) {
        all.add(1);
        taut::go({.stack = std::size_t{1} << 20}, [=, &all] {
          const taut::pin here;
          never.recv();
          all.done();
        });
      }
      taut::test::until_waiting(taut::rt::wait_reason::chan_receive, 5);
      const page p = fetch(s);
      const std::string size = "{size=\"1048576\"";
      EXPECT_EQ(p.at("taut_stacks" + size + ",state=\"in_use\"}"), 5);
      EXPECT_EQ(p.at("taut_stacks" + size + ",state=\"free\"}"), 0);
      const double mapped = 5 + p.at("taut_stacks" + size + ",state=\"unused\"}");
      EXPECT_EQ(p.at("taut_stacks_mapped_bytes" + size + "}"), mapped * ((1 << 20) + 4096));
      EXPECT_EQ(p.at("taut_goroutines_pinned"), 5);
      EXPECT_EQ(p.at("go_sched_threads_total_threads"), p.at("go_threads") + 1);
      never.close();
      all.wait();
      taut::test::until(
          [&] { return fetch(s).at("taut_stacks" + size + ",state=\"free\"}") == 5; });
      EXPECT_EQ(fetch(s).at("taut_stacks" + size + ",state=\"in_use\"}"), 0);
      EXPECT_EQ(fetch(s).at("taut_goroutines_pinned"), 0);
    });
  }
  EXPECT_EQ(taut::stop(), 0u);
}

// A goroutine that keeps its worker is counted once, however long it does.
TEST(metrics, count_stalls) {
  taut::start({.workers = 2});
  {
    server s = started();
    const page before = fetch(s);
    taut::run([&] {
      int ends[2];
      ASSERT_EQ(::pipe(ends), 0);
      taut::chan<int> done(0);
      taut::go([=] {
        char byte;
        done.send(static_cast<int>(::read(ends[0], &byte, 1)));
      });
      double blocked = 0;
      while (blocked == 0) {
        blocked = fetch(s).at("taut_stalls_total{kind=\"blocked\"}") -
                  before.at("taut_stalls_total{kind=\"blocked\"}");
        taut::yield();
      }
      EXPECT_EQ(::write(ends[1], "x", 1), 1);
      EXPECT_EQ(done.recv(), 1);
      ::close(ends[0]);
      ::close(ends[1]);
    });
  }
  taut::stop();
}

// Buckets hold what is below their bound, all of them together what was counted.
TEST(metrics, measure_how_long_goroutines_are_ready_to_run) {
  taut::start({.workers = 2});
  {
    server s = started();
    const double before = fetch(s).at("go_sched_latencies_seconds_count");
    page p;
    double count = before;
    // Those of the last 100 us count when the next is measured.
    for (int round = 0; round < 1000 && count - before < 10; ++round) {
      taut::run([] {
        taut::wait_group all;
        for (int i = 0; i < 1280; ++i) all.go([] {});
        all.wait();
      });
      p = fetch(s);
      count = p.at("go_sched_latencies_seconds_count");
    }
    EXPECT_GE(count - before, 10);
    EXPECT_GT(p.at("go_sched_latencies_seconds_sum"), 0);
    EXPECT_EQ(p.at("go_sched_latencies_seconds_bucket{le=\"+Inf\"}"), count);
    EXPECT_LE(p.at("go_sched_latencies_seconds_bucket{le=\"6.4e-08\"}"),
              p.at("go_sched_latencies_seconds_bucket{le=\"1.28e-07\"}"));
  }
  taut::stop();
}

TEST(metrics, pass_promtool) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "promtool is not here (Debian: prometheus)";
  server s = started();
  const page p = fetch(s);
  std::FILE* check = ::popen("promtool check metrics 2>&1", "w");
  ASSERT_NE(check, nullptr);
  std::fwrite(p.text.data(), 1, p.text.size(), check);
  EXPECT_EQ(::pclose(check), 0) << p.text;
}

}  // namespace
