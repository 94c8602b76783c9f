// SPDX-License-Identifier: Apache-2.0
// CPU profiles of goroutines and threads that compute: where, with which labels, how much.
#include "debug/cpu_profile.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "decoded.h"
#include "http_client.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/debug.h"
#include "taut/wait_group.h"

namespace {

using taut::debug::start_cpu_profile;
using taut::debug::stop_cpu_profile;
using taut::test::ask;
using taut::test::decode;
using taut::test::decoded_profile;

constexpr std::int64_t ms = 1'000'000;

std::int64_t thread_cpu() {
  timespec t = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// By the thread's own clock, so that a loaded machine takes longer and the profile is the same.
[[gnu::noinline]] void compute_a_share(std::int64_t nanoseconds) {
  const std::int64_t until = thread_cpu() + nanoseconds;
  while (thread_cpu() < until) {
  }
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] void serve_a_tenant(std::int64_t nanoseconds) {
  compute_a_share(nanoseconds);
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] void count_in_a_thread(std::int64_t nanoseconds) {
  compute_a_share(nanoseconds);
  asm volatile("" ::: "memory");
}

class file {
 public:
  int fd() const { return ::fileno(f_); }
  std::string text() const {
    std::string all;
    char some[4096];
    ::lseek(fd(), 0, SEEK_SET);
    for (ssize_t n; (n = ::read(fd(), some, sizeof some)) > 0;)
      all.append(some, static_cast<std::size_t>(n));
    return all;
  }
  ~file() { std::fclose(f_); }

 private:
  std::FILE* f_ = std::tmpfile();
};

bool shows(const decoded_profile& d, const decoded_profile::sample& s, const char* function) {
  return std::ranges::any_of(
      d.names_of(s), [&](const std::string& name) { return name.find(function) != name.npos; });
}

// The first values of the samples that show it.
std::int64_t samples_of(const decoded_profile& d, const char* function) {
  std::int64_t n = 0;
  for (const auto& s : d.samples) n += shows(d, s, function) ? s.values[0] : 0;
  return n;
}

// The race detector keeps signals until the thread calls into it, and so merges most of them, or
// all.
constexpr std::int64_t at_least(std::int64_t n) {
#if defined(TAUT_TSAN)
  return n * 0;
#else
  return n;
#endif
}

// A thread that is short of CPU has ticks merged: they are counted, but nobody knows where they
// fell.
std::int64_t with_lost(const decoded_profile& d, const char* function) {
  return samples_of(d, function) + samples_of(d, "lost_samples");
}

template <class F>
decoded_profile profile_of(F&& f) {
  file to;
  EXPECT_FALSE(start_cpu_profile(to.fd()));
  f();
  EXPECT_TRUE(stop_cpu_profile());
  return decode(to.text());
}

RUNTIME_TEST(cpu_profile, shows_what_a_goroutine_computes) {
  const decoded_profile d = profile_of([] {
    taut::wait_group all;
    all.go([] {
      // Its clock is the worker's.
      const taut::pin stay;
      taut::this_goroutine::set_name("till");
      taut::this_goroutine::set_label("tenant", "acme");
      taut::this_goroutine::set_label("aim", "test");
      serve_a_tenant(300 * ms);
    });
    all.wait();
  });
  using type = std::pair<std::string, std::string>;
  EXPECT_EQ(d.types, (std::vector<type>{{"samples", "count"}, {"cpu", "nanoseconds"}}));
  EXPECT_EQ(d.period_type, type("cpu", "nanoseconds"));
  EXPECT_EQ(d.period, 10'000'000);
  EXPECT_GT(d.time_nanos, 0);
  EXPECT_GE(d.duration_nanos, 300 * ms);
  EXPECT_GE(samples_of(d, "serve_a_tenant"), at_least(1));
  EXPECT_GE(with_lost(d, "serve_a_tenant"), at_least(4));  // of thirty
  for (const auto& s : d.samples) {
    EXPECT_EQ(s.values[1], s.values[0] * 10'000'000);
    if (!shows(d, s, "serve_a_tenant")) continue;
    EXPECT_EQ(s.labels, (std::map<std::string, std::string>{
                            {"aim", "test"}, {"name", "till"}, {"tenant", "acme"}}));
  }
}

TEST(cpu_profile, shows_threads_that_are_not_ours) {
  const decoded_profile d = profile_of([] {
    std::thread old([] { count_in_a_thread(200 * ms); });
    compute_a_share(200 * ms);  // the main thread, whose stack is another kind
    old.join();
  });
  const std::int64_t mine = samples_of(d, "shows_threads_that_are_not_ours");
  EXPECT_GE(samples_of(d, "count_in_a_thread"), at_least(1));
  EXPECT_GE(mine, at_least(1));
  EXPECT_GE(mine + with_lost(d, "count_in_a_thread"), at_least(6));  // of forty
  for (const auto& s : d.samples) EXPECT_TRUE(s.labels.empty());
}

// Each computes for so long after it was born that a look for new threads comes in between.
TEST(cpu_profile, finds_threads_that_are_born_while_it_is_taken) {
  const decoded_profile d = profile_of([] {
    for (int i = 0; i < 3; ++i) std::thread([] { count_in_a_thread(300 * ms); }).join();
  });
  EXPECT_GE(samples_of(d, "count_in_a_thread"), at_least(1));
  EXPECT_GE(with_lost(d, "count_in_a_thread"), at_least(10));  // of ninety
}

TEST(cpu_profile, only_one_at_a_time) {
  file first, second;
  EXPECT_FALSE(start_cpu_profile(first.fd()));
  const std::error_code refused = start_cpu_profile(second.fd());
  EXPECT_EQ(refused, std::errc::device_or_resource_busy);
  EXPECT_EQ(refused.message(), "cpu profiling already in use");
  EXPECT_TRUE(stop_cpu_profile());
  EXPECT_EQ(second.text(), "");
  EXPECT_TRUE(stop_cpu_profile());  // none
  EXPECT_FALSE(start_cpu_profile(second.fd()));
  EXPECT_TRUE(stop_cpu_profile());
  EXPECT_EQ(decode(second.text()).period, 10'000'000);
}

TEST(cpu_profile, says_when_it_cannot_be_written) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(start_cpu_profile(ends[0]));
  const auto written = stop_cpu_profile();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error(), std::errc::bad_file_descriptor);
  ::close(ends[0]);
  ::close(ends[1]);
}

std::atomic<int> own_signals{0};

// The program's handler goes on to get what is not ours, whether it was there before or came
// between two profiles.
TEST(cpu_profile, leaves_other_signals_to_the_program) {
  struct sigaction mine = {}, before = {};
  mine.sa_handler = [](int) { ++own_signals; };
  ASSERT_EQ(::sigaction(SIGPROF, &mine, &before), 0);
  own_signals = 0;
  profile_of([] { ::raise(SIGPROF); });
  EXPECT_EQ(own_signals, 1);
  ::raise(SIGPROF);
  EXPECT_EQ(own_signals, 2);
  ::sigaction(SIGPROF, &before, nullptr);
}

// Signals meet switches, starts, ends and label changes; every stack that they find is taken apart.
RUNTIME_TEST(cpu_profile, survives_goroutines_that_come_and_go) {
  for (int round = 0; round < 2; ++round) {
    const decoded_profile d = profile_of([] {
      taut::wait_group all;
      std::atomic<std::int64_t> used{0};
      for (int i = 0; i < 4; ++i) {
        all.go([&] {
          while (used < 100 * ms) {
            const std::int64_t from = thread_cpu();
            taut::wait_group more;
            for (int j = 0; j < 50; ++j) {
              more.go([&] {
                taut::this_goroutine::set_label("j", "some text that changes");
                taut::yield();
                taut::this_goroutine::set_label("j", "");
              });
            }
            used += std::max<std::int64_t>(thread_cpu() - from, ms / 100);
            more.wait();
          }
        });
      }
      all.wait();
    });
    for (const auto& s : d.samples) {
      EXPECT_FALSE(s.locations.empty());
      for (const auto& [key, value] : s.labels)
        EXPECT_TRUE((key == "j" && value == "some text that changes") ||
                    (key == "name" && value == "main"))
            << key << value;
    }
  }
}

TEST(cpu_profile, page_answers_as_go) {
  taut::start({.workers = 2});
  {
    auto s = taut::debug::server::start("127.0.0.1:0");
    ASSERT_TRUE(s);
    const std::string page = "/debug/pprof/profile";
    EXPECT_EQ(ask(s->address(), page + "?seconds=3601").status, 400);
    taut::run([&] {
      taut::test::http_answer a;
      decoded_profile d;
      // Beside much else a second may pass without a sample of it.
      for (int tries = 0; tries < 10 && samples_of(d, "serve_a_tenant") == 0; ++tries) {
        std::atomic<bool> answered{false};
        std::thread client([&] {
          a = ask(s->address(), page + "?seconds=1&goroutines=1");
          answered = true;
        });
        while (!answered) serve_a_tenant(10 * ms);
        client.join();
        d = decode(a.body);
      }
      EXPECT_EQ(a.status, 200);
      EXPECT_EQ(a.header("Content-Type"), "application/octet-stream");
      EXPECT_EQ(a.header("Content-Disposition"), "attachment; filename=\"profile\"");
      EXPECT_EQ(a.header("X-Content-Type-Options"), "nosniff");
      EXPECT_GE(d.duration_nanos, 1000 * ms);
      EXPECT_GE(samples_of(d, "serve_a_tenant"), 1);
      for (const auto& sample : d.samples) {
        if (shows(d, sample, "serve_a_tenant")) {
          EXPECT_EQ(sample.labels.at("goroutine"), std::to_string(taut::this_goroutine::id()));
        }
      }
    });
    file to;
    ASSERT_FALSE(start_cpu_profile(to.fd()));
    // Garbage asks for the usual time; here it is refused before that.
    const taut::test::http_answer a = ask(s->address(), page + "?seconds=soon");
    EXPECT_EQ(a.status, 500);
    EXPECT_EQ(a.body, "Could not enable CPU profiling: cpu profiling already in use\n");
    EXPECT_EQ(a.header("X-Go-Pprof"), "1");
    EXPECT_EQ(a.header("Content-Disposition"), "");
    EXPECT_TRUE(stop_cpu_profile());
    EXPECT_NE(ask(s->address(), "/debug/pprof/").body.find("<a href='profile?debug=1'>"),
              std::string::npos);
  }
  taut::stop();
}

// Whether somebody collects samples: the thread's name tells.
bool is_recording() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name == "taut/profile") return true;
  }
  return false;
}

// Whoever asked has gone: the next profile can be taken at once.
TEST(cpu_profile, ends_with_its_request) {
  taut::debug::server s = taut::debug::server::start("127.0.0.1:0").value();
  const int fd = taut::test::connect_to(s.address());
  const std::string head =
      "GET /debug/pprof/profile?seconds=600 HTTP/1.1\r\nHost: " + s.address() + "\r\n\r\n";
  ASSERT_EQ(::send(fd, head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
  while (!is_recording()) std::this_thread::yield();
  file to;
  EXPECT_EQ(start_cpu_profile(to.fd()), std::errc::device_or_resource_busy);
  ::close(fd);
  while (start_cpu_profile(to.fd())) std::this_thread::yield();
  EXPECT_TRUE(stop_cpu_profile());
}

}  // namespace
