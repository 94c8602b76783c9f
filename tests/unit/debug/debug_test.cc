// SPDX-License-Identifier: Apache-2.0
// Profiles of a live runtime: counts, text, proto, dumps and JSON.
#include "taut/debug.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "decoded.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/mutex.h"
#include "taut/net.h"
#include "taut/wait_group.h"

namespace {

using taut::debug::profile;
using taut::test::decode;
using taut::test::decoded_profile;
using taut::test::until;
using taut::test::until_waiting;

[[gnu::noinline]] void wait_at_the_gate(const taut::chan<int>& gate) {
  gate.recv();
  asm volatile("" ::: "memory");
}

// n goroutines at one place; two of them with a label.
void start_waiters(const taut::chan<int>& gate, int n) {
  for (int i = 0; i < n; ++i) {
    taut::go([gate, i] {
      if (i < 2) taut::this_goroutine::set_label("tenant", "acme");
      wait_at_the_gate(gate);
    });
  }
  until_waiting(taut::rt::wait_reason::chan_receive, static_cast<std::size_t>(n));
}

void open_gate(const taut::chan<int>& gate) { gate.close(); }

RUNTIME_TEST(profile, goroutine_groups_by_stack_and_labels) {
  taut::chan<int> gate(0);
  start_waiters(gate, 10);
  const profile goroutines("goroutine");
  EXPECT_EQ(goroutines.count(), 11u);
  decoded_profile d;
  // A goroutine that has just been woken is not at its place.
  until([&] {
    d = decode(goroutines.text(0));
    return std::ranges::any_of(d.samples, [](const auto& s) { return s.values[0] == 8; });
  });
  EXPECT_EQ(d.total(), 11);
  bool plain = false, labelled = false;
  for (const auto& s : d.samples) {
    const auto names = d.names_of(s);
    if (!std::ranges::any_of(
            names, [](const std::string& n) { return n.find("wait_at_the_gate") != n.npos; }))
      continue;
    (s.labels.empty() ? plain : labelled) = true;
    EXPECT_EQ(s.values[0], s.labels.empty() ? 8 : 2);
    EXPECT_TRUE(s.labels.empty() || s.labels.at("tenant") == "acme");
  }
  EXPECT_TRUE(plain && labelled);
  open_gate(gate);
}

// Under the name that the rest of diagnosis has.
RUNTIME_TEST(profile, is_in_diag_too) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_TRUE(taut::diag::profile("threadcreate").write_to(ends[1], 1));
  char text[64] = {};
  EXPECT_GT(::read(ends[0], text, sizeof text - 1), 0);
  EXPECT_TRUE(std::string(text).starts_with("threadcreate profile: total ")) << text;
  ::close(ends[0]);
  ::close(ends[1]);
}

RUNTIME_TEST(profile, goroutine_shows_who_asks) {
  const decoded_profile d = decode(profile("goroutine").text(0));
  ASSERT_EQ(d.total(), 1);
  bool found = false;
  for (const std::string& name : d.names_of(d.samples[0]))
    found = found || name.find("goroutine_shows_who_asks") != name.npos;
  EXPECT_TRUE(found);
}

// The grammar that pprof's parser of the text form demands.
RUNTIME_TEST(profile, goroutine_text_parses) {
  taut::chan<int> gate(0);
  start_waiters(gate, 5);
  const std::string text = profile("goroutine").text(1);
  const std::regex header("goroutine profile: total \\d+"), record("\\d+ @( 0x[0-9a-f]+)+"),
      frame("#\t0x[0-9a-f]+(\t+[^\t]+\\+0x[0-9a-f]+\t+[^\t]+:\\d+)?"),
      labels("# labels: \\{\"[^\"]*\":\"[^\"]*\"(, \"[^\"]*\":\"[^\"]*\")*\\}");
  std::size_t line_number = 0;
  int sum = 0;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    const std::string line = text.substr(at, end - at);
    if (line_number++ == 0) {
      EXPECT_TRUE(std::regex_match(line, header)) << line;
    } else if (line.starts_with("# labels")) {
      EXPECT_TRUE(std::regex_match(line, labels)) << line;
    } else if (line.starts_with('#')) {
      EXPECT_TRUE(std::regex_match(line, frame)) << line;
    } else if (!line.empty()) {
      EXPECT_TRUE(std::regex_match(line, record)) << line;
      sum += std::stoi(line);
    }
  }
  EXPECT_EQ(sum, 6);
  open_gate(gate);
}

// Text and proto are two forms of the same.
RUNTIME_THREAD_TEST(profile, text_and_proto_agree) {
  taut::chan<int> gate(0);
  start_waiters(gate, 6);
  until([&] {
    const std::string text = profile("goroutine").text(1);
    const decoded_profile d = decode(profile("goroutine").text(0));
    std::vector<int> in_text, in_proto;
    const std::regex record("\n(\\d+) @");
    for (std::sregex_iterator i(text.begin(), text.end(), record), none; i != none; ++i)
      in_text.push_back(std::stoi((*i)[1]));
    for (const auto& s : d.samples) in_proto.push_back(static_cast<int>(s.values[0]));
    return in_text == in_proto && in_text.size() == 2;
  });
  open_gate(gate);
}

// On a thread of its own: a goroutine that yields may be bound to the worker that the other keeps.
RUNTIME_THREAD_TEST(profile, goroutine_that_runs_is_counted) {
  std::atomic<bool> spins{false}, stop{false};
  taut::wait_group done;
  done.go([&] {
    spins = true;
    while (!stop) {
    }
  });
  until([&] { return spins.load(); });
  const profile goroutines("goroutine");
  EXPECT_EQ(goroutines.count(), 1u);
  const std::string text = goroutines.text(1);
  EXPECT_TRUE(text.starts_with("goroutine profile: total 1\n1 @")) << text;
  // Where it is, or, when its thread had no CPU to answer with, that it runs.
  EXPECT_TRUE(text.find("goroutine_that_runs_is_counted") != std::string::npos ||
              text.find("taut::debug::stack_unavailable::running") != std::string::npos)
      << text;
  stop = true;
  done.wait();
}

RUNTIME_TEST(profile, goroutineleak_has_what_is_proved) {
  {
    auto [to, from] = taut::make_chan<int>(0);
    for (int i = 0; i < 3; ++i) taut::go([to = to] { to.send(1); });
    until_waiting(taut::rt::wait_reason::chan_send, 3);
    from.reset();
  }
  taut::chan<int> gate(0);
  start_waiters(gate, 2);
  const profile leaks("goroutineleak");
  until([&] { return decode(leaks.text(0)).total() == 3; });
  EXPECT_EQ(leaks.count(), 3u);
  EXPECT_TRUE(leaks.text(1).starts_with("goroutineleak profile: total 3\n3 @ ")) << leaks.text(1);
  const std::string all = leaks.text(2);
  EXPECT_NE(all.find(" [chan send (leaked)]:\n"), std::string::npos) << all;
  EXPECT_NE(all.find(" [chan receive]"), std::string::npos) << all;
  EXPECT_EQ(all.find("chan receive (leaked)"), std::string::npos) << all;
  const auto json = nlohmann::json::parse(leaks.text(3));
  EXPECT_EQ(json["proved"], 3);
  ASSERT_EQ(json["goroutines"].size(), 3u);
  EXPECT_EQ(json["goroutines"][0]["verdict"], "proved");
  EXPECT_EQ(json["goroutines"][0]["evidence"], "no receiver can exist");
  EXPECT_TRUE(json["goroutines"][0].contains("fix"));
  open_gate(gate);
  taut::test::leave_behind(3);
}

RUNTIME_TEST(profile, json_names_holders_and_waiters) {
  taut::mutex m;
  taut::chan<int> gate(0);
  std::atomic<std::uint64_t> holder{0};
  taut::wait_group done;
  done.go([&] {
    holder = taut::this_goroutine::id();
    std::scoped_lock hold(m);
    gate.recv();
  });
  until_waiting(taut::rt::wait_reason::chan_receive);
  done.go([&] {
    taut::this_goroutine::set_name("waiter");
    std::scoped_lock hold(m);
  });
  until_waiting(taut::rt::wait_reason::mutex_lock);
  const auto json = nlohmann::json::parse(profile("goroutine").text(3));
  EXPECT_EQ(json["total"], 3);
  std::string object;
  for (const auto& g : json["goroutines"]) {
    if (!g.contains("labels") || g["labels"]["name"] != "waiter") continue;
    EXPECT_EQ(g["wait_reason"], "sync.Mutex.Lock");
    EXPECT_GE(g["wait_ns"].get<std::int64_t>(), 0);
    EXPECT_FALSE(g["frames"].empty());
    object = g["object"];
  }
  bool found = false;
  for (const auto& o : json["objects"]) {
    if (o["id"] != object) continue;
    found = true;
    EXPECT_EQ(o["kind"], "mutex");
    EXPECT_EQ(o["holder"], holder.load());
    EXPECT_EQ(o["waiting"]["count"], 1);
  }
  EXPECT_TRUE(found) << json.dump(1);
  gate.send(1);
  done.wait();
}

const nlohmann::json& labelled(const nlohmann::json& all, const char* key, const char* value) {
  static const nlohmann::json none;
  for (const auto& g : all["goroutines"]) {
    if (g.contains("labels") && g["labels"].value(key, "") == value) return g;
  }
  ADD_FAILURE() << all.dump(1);
  return none;
}

RUNTIME_TEST(profile, a_label_called_name_counts_once) {
  taut::chan<int> gate(0);
  taut::go({.name = "reader"}, [=] {
    taut::this_goroutine::set_label("name", "mine");
    wait_at_the_gate(gate);
  });
  until_waiting(taut::rt::wait_reason::chan_receive);
  const profile goroutines("goroutine");
  const std::string text = goroutines.text(1);
  EXPECT_NE(text.find("# labels: {\"name\":\"mine\"}\n"), text.npos) << text;
  labelled(nlohmann::json::parse(goroutines.text(3)), "name", "mine");
  open_gate(gate);
}

// Every place of a report is said in one way.
RUNTIME_TEST(profile, json_has_one_style_of_paths) {
  taut::chan<int> gate(0);
  start_waiters(gate, 1);
  const auto json = nlohmann::json::parse(profile("goroutine").text(3));
  const auto& g = labelled(json, "tenant", "acme");
  const std::string file = g["waits_at"]["file"];
  EXPECT_TRUE(std::ranges::any_of(g["frames"], [&](const auto& f) { return f["file"] == file; }))
      << g.dump(1);
  open_gate(gate);
}

RUNTIME_TEST(profile, json_names_the_descriptor_that_is_waited_for) {
  auto listens = taut::listen("tcp", "127.0.0.1:0");
  ASSERT_TRUE(listens);
  taut::wait_group done;
  done.go([&] {
    taut::this_goroutine::set_label("waits", "here");
    EXPECT_FALSE(listens->accept());
  });
  until_waiting(taut::rt::wait_reason::io_wait);
  const auto json = nlohmann::json::parse(profile("goroutine").text(3));
  const auto& g = labelled(json, "waits", "here");
  bool found = false;
  for (const auto& o : json["objects"]) {
    if (o["id"] != g["object"]) continue;
    found = true;
    EXPECT_EQ(o["kind"], "fd");
    struct stat s;
    ASSERT_EQ(::fstat(std::stoi(o["id"].get<std::string>()), &s), 0);
    EXPECT_TRUE(S_ISSOCK(s.st_mode));
    EXPECT_EQ(o["waiting"]["count"], 1);
  }
  EXPECT_TRUE(found) << json.dump(1);
  listens->close();
  done.wait();
}

RUNTIME_TEST(profile, threadcreate_begins_at_who_started_the_thread) {
  const decoded_profile d = decode(profile("threadcreate").text(0));
  for (const auto& s : d.samples) {
    ASSERT_FALSE(s.locations.empty());
    for (const auto& [function, line] : d.locations.at(s.locations[0]).lines) {
      const std::string& name = d.functions.at(function).name;
      EXPECT_EQ(name.find("current_registers"), name.npos);
      EXPECT_EQ(name.find("own_frames"), name.npos);
      EXPECT_EQ(name.find("note_birth"), name.npos);
    }
  }
}

RUNTIME_TEST(profile, threadcreate_counts_workers) {
  const profile threads("threadcreate");
  EXPECT_GE(threads.count(), static_cast<std::size_t>(taut::test::current_options().workers));
  const decoded_profile d = decode(threads.text(0));
  EXPECT_GE(d.total(), taut::test::current_options().workers);
  EXPECT_TRUE(threads.text(1).starts_with("threadcreate profile: total "));
}

TEST(profile, writes_to_a_descriptor) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_TRUE(profile("threadcreate").write_to(ends[1], 1));
  ::close(ends[1]);
  char some[64] = "";
  EXPECT_GT(::read(ends[0], some, sizeof some - 1), 0);
  ::close(ends[0]);
  EXPECT_TRUE(std::string_view(some).starts_with("threadcreate profile: total "));
  EXPECT_EQ(profile("threadcreate").write_to(-1, 1).error(), std::errc::bad_file_descriptor);
}

[[gnu::noinline]] ssize_t wait_in_a_call(int fd) {
  char byte;
  const ssize_t n = ::read(fd, &byte, 1);
  asm volatile("" ::: "memory");
  return n;
}

// Without a callback no signal is sent, so the call goes on. The thread that asks needs no worker.
TEST(profile, json_has_stalls) {
  taut::start({.workers = 2});
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  taut::chan<std::uint64_t> done(1);
  taut::go({.name = "staller"}, [&] {
    EXPECT_EQ(wait_in_a_call(ends[0]), 1);
    done.send(taut::this_goroutine::id());
  });
  nlohmann::json found;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (found.is_null() && std::chrono::steady_clock::now() < end) {
    const auto all = nlohmann::json::parse(profile("goroutine").text(3));
    for (const auto& s : all["stalls"]) {
      if (s.value("name", "") == "staller") found = s;
    }
  }
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  const std::uint64_t id = done.recv().value_or(0);
  ASSERT_FALSE(found.is_null());
  EXPECT_EQ(found["goroutine"], id);
  EXPECT_EQ(found["kind"], "blocked");
  EXPECT_GE(found["duration_ns"], 10'000'000);
  EXPECT_GT(found["reported_unix_ns"], 1'000'000'000'000'000'000);
  std::string functions;
  for (const auto& f : found["frames"]) functions += f["function"].get<std::string>() + "\n";
#if !defined(__SANITIZE_ADDRESS__)  // its read() cannot be walked through
  EXPECT_NE(functions.find("wait_in_a_call"), functions.npos) << found.dump(1);
#endif
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(taut::stop(), 0u);
}

TEST(profile, names_what_there_is) {
  const auto names = profile::names();
  EXPECT_TRUE(std::ranges::is_sorted(names));
  for (const char* known : {"goroutine", "goroutineleak", "threadcreate"})
    EXPECT_NE(std::ranges::find(names, known), names.end());
  EXPECT_EQ(profile("goroutine").name(), "goroutine");
  const std::string text = taut::test::panic_of([] { profile("goroutines"); });
  EXPECT_TRUE(
      text.starts_with("taut::debug::profile: there is no profile goroutines; there are allocs "))
      << text;
}

}  // namespace
