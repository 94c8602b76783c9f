// SPDX-License-Identifier: Apache-2.0
// debug=2, panics and SIGQUIT, in all the forms that Go 1.19 to 1.27 and taut write.
#include <gtest/gtest.h>

#include "cli/error.h"
#include "cli/parse.h"

namespace {

using namespace taut::cli;

constexpr std::int64_t minute = 60'000'000'000;

dump parsed(std::string_view text) { return parse_dump(text, "it"); }

TEST(parse_text, headers_of_every_version) {
  const dump d = parsed(
      "goroutine 1 [running]:\nmain.main()\n\t/src/main.go:10 +0x1d\n\n"
      "goroutine 7 gp=0xc0000061c0 m=nil [chan receive, 3 minutes, locked to thread]:\n"
      "main.f(0xc000012345?)\n\t/src/main.go:20 +0x2 fp=0xc00005 sp=0xc00004 pc=0x4631\n"
      "created by main.main in goroutine 1\n\t/src/main.go:11 +0x3\n\n"
      "goroutine 8 gp=0xc000006380 m=3 mp=0xc00008 [select (leaked)]:\n"
      "main.g({0x1, 0x2}, ...)\n\t/src/main.go:30\n"
      "created by main.main\n\t/src/main.go:12 +0x3\n\n"
      "goroutine 9 [chan receive (durable), 1 minutes, synctest bubble 4]:\n"
      "main.h[...](...)\n\t/src/main.go:40 +0x9\n\n"
      "goroutine 10 [sync.Mutex.Lock (scan)] {tenant: acme, \"a b\": \"x, y: \\\"z\\\"}\"}:\n"
      "main.k()\n\t/src/main.go:50 +0x9\n\n"
      "goroutine 11 [syscall]:\n\tgoroutine running on other thread; stack unavailable\n"
      "created by main.main in goroutine 1\n\t/src/main.go:13 +0x3\n");
  ASSERT_EQ(d.goroutines.size(), 6u);
  EXPECT_FALSE(d.truncated);
  const auto& g = d.goroutines;
  EXPECT_EQ(g[0].state, "running");
  EXPECT_EQ(g[1].id, 7u);
  EXPECT_EQ(g[1].waited, 3 * minute);
  EXPECT_TRUE(g[1].locked);
  EXPECT_EQ(g[1].parent, 1u);
  EXPECT_EQ(g[2].state, "select");
  EXPECT_TRUE(g[2].leaked);
  EXPECT_EQ(g[2].parent, 0u);
  EXPECT_EQ(g[3].state, "chan receive");
  EXPECT_EQ(g[3].waited, minute);
  EXPECT_EQ(g[4].state, "sync.Mutex.Lock");
  ASSERT_EQ(g[4].labels.size(), 2u);
  EXPECT_EQ(g[4].labels[0].second, "acme");
  EXPECT_EQ(g[4].labels[1].first, "a b");
  EXPECT_EQ(g[4].labels[1].second, "x, y: \"z\"}");
  const auto& s = d.stacks;
  EXPECT_EQ(s[g[1].stack].frames[0].function, "main.f");
  EXPECT_EQ(s[g[1].stack].frames[0].file, "/src/main.go");
  EXPECT_EQ(s[g[1].stack].frames[0].line, 20u);
  EXPECT_EQ(s[g[1].stack].created.function, "main.main");
  EXPECT_EQ(s[g[1].stack].created.line, 11u);
  EXPECT_EQ(s[g[2].stack].created.line, 12u);
  EXPECT_EQ(s[g[3].stack].frames[0].function, "main.h[...]");
  EXPECT_TRUE(s[g[5].stack].unavailable);
  EXPECT_EQ(s[g[5].stack].created.line, 13u);
}

TEST(parse_text, elided_frames_ancestors_and_names_with_parentheses) {
  const dump d = parsed(
      "goroutine 5 [chan send]:\n(anonymous namespace)::f(int)::{lambda()#1}::operator()(...)\n"
      "\tsearch.cc:41 +0x10\n...32 frames elided...\nouter(...)\n\tsearch.cc:9\n"
      "created by search in goroutine 2\n\tsearch.cc:22\n"
      "[originating from goroutine 2]:\nmain.main(...)\n\t/src/other.go:7 +0x3\n");
  ASSERT_EQ(d.goroutines.size(), 1u);
  const stack& s = d.stacks[0];
  ASSERT_EQ(s.frames.size(), 2u);
  EXPECT_EQ(s.frames[0].function, "(anonymous namespace)::f(int)::{lambda()#1}::operator()");
  EXPECT_EQ(s.elided, 32u);
  EXPECT_EQ(s.elided_at, 1u);
  EXPECT_EQ(s.created.line, 22u);
}

TEST(parse_text, crash_with_registers_and_windows_line_ends) {
  const dump d = parsed(
      "panic: boom\r\n\r\ngoroutine 1 [running]:\r\nmain.f()\r\n\tC:/src/main.go:3 +0x1d\r\n"
      "\r\nrax    0x0\r\nrbx    0x1\r\nexit status 2\r\n");
  ASSERT_EQ(d.goroutines.size(), 1u);
  EXPECT_EQ(d.stacks[0].frames[0].file, "C:/src/main.go");
  EXPECT_EQ(d.stacks[0].frames[0].line, 3u);
  EXPECT_FALSE(d.truncated);
}

TEST(parse_text, inside_a_log_with_changing_numbers) {
  const dump d = parsed(
      "2026-11-22T13:00:00.999Z app[77]: starting goroutine 12 of the pool\n"
      "2026-11-22T13:00:01.001Z app[77]: goroutine 1 [chan send, 2 minutes]:\n"
      "2026-11-22T13:00:01.002Z app[77]: main.f()\n"
      "2026-11-22T13:00:01.002Z app[77]: \t/src/main.go:3 +0x1d\n"
      "another process writes here\n"
      "2026-11-22T13:00:01.1Z app[77]: main.main()\n"
      "2026-11-22T13:00:01.1Z app[77]: \t/src/main.go:9 +0x1d\n"
      "2026-11-22T13:00:01.1Z app[77]: \n"
      "2026-11-22T13:00:01.2Z app[77]: goroutine 2 [select]:\n"
      "2026-11-22T13:00:01.2Z app[77]: main.g()\n"
      "2026-11-22T13:00:01.2Z app[77]: \t/src/main.go:5 +0x1d\n");
  ASSERT_EQ(d.goroutines.size(), 2u);
  EXPECT_EQ(d.goroutines[0].waited, 2 * minute);
  EXPECT_EQ(d.stacks[d.goroutines[0].stack].frames.size(), 2u);
  EXPECT_EQ(d.stacks[d.goroutines[1].stack].frames[0].line, 5u);
}

TEST(parse_text, the_last_of_several_dumps_counts) {
  const dump d = parsed(
      "goroutine 1 [running]:\nmain.f()\n\ta.go:1\n\ngoroutine 2 [select]:\nmain.f()\n\ta.go:1\n\n"
      "goroutine 1 [sleep]:\nmain.f()\n\ta.go:2\n");
  ASSERT_EQ(d.goroutines.size(), 1u);
  EXPECT_EQ(d.goroutines[0].state, "sleep");
}

TEST(parse_text, notices_a_cut_end) {
  EXPECT_TRUE(parsed("goroutine 1 [select]:\nmain.f()\n\ta.go:1\n\ngoroutine 2 [select]:\nmain.")
                  .truncated);
  EXPECT_TRUE(parsed("goroutine 1 [select]:\n").truncated);
  const std::string whole = "goroutine 1 [select]:\nmain.f()\n\ta.go:1\n";
  for (const char* end :
       {"main.g(0x1, 0x2)\n", "main.(*server).g(...)\n", "created by main.main in goroutine 1\n",
        "created b", "main.g", "search::(anonymous n", "main.g(0xc000"})
    EXPECT_TRUE(parsed(whole + end).truncated) << end;
}

TEST(parse_text, the_last_word_of_who_ran_it_is_no_cut_end) {
  for (const char* end :
       {"exit status 2\n", "exit status 2", "Aborted (core dumped)\n",
        "signal: aborted (core dumped)\n", "make: *** [Makefile:7: run] Error 2\n"}) {
    const dump d = parsed(std::string("goroutine 1 [select]:\nmain.f()\n\ta.go:1\n") + end);
    EXPECT_FALSE(d.truncated) << end;
    EXPECT_EQ(d.stacks.at(0).frames.size(), 1u);
  }
}

TEST(parse_text, equal_stacks_are_kept_once) {
  std::string text;
  for (int i = 1; i <= 1000; ++i)
    text += "goroutine " + std::to_string(i) + " [select]:\nmain.f(0x" + std::to_string(i) +
            ")\n\ta.go:1 +0x1\n\n";
  const dump d = parsed(text);
  EXPECT_EQ(d.goroutines.size(), 1000u);
  EXPECT_EQ(d.stacks.size(), 1u);
}

TEST(parse_text, what_is_no_dump_is_said_so) {
  for (const char* other :
       {"", " \n", "hello\n", "<html>", "heap profile: 1: 2 [3: 4] @ heap/1\n",
        "threadcreate profile: total 3\n", "goroutine 1 is fine\n", "{}", "[1]", "{\"a\": ",
        "\x7f"
        "ELF\x02",
        "\x01\x02\x03"}) {
    EXPECT_THROW(parsed(other), user_error) << other;
  }
}

TEST(model, blocked_place_is_the_programs_own) {
  const dump d = parsed(
      "goroutine 1 [sync.Mutex.Lock]:\nsync.runtime_SemacquireMutex(0x1)\n\t/go/sema.go:1\n"
      "sync.(*Mutex).Lock(...)\n\t/go/mutex.go:2\ngithub.com/x/y.(*T).f()\n\t/src/y.go:3\n\n"
      "goroutine 2 [IO wait]:\ninternal/poll.runtime_pollWait(0x1)\n\t/go/netpoll.go:1\n"
      "net.(*conn).Read(0x1)\n\t/go/net.go:2\nnet/http.(*conn).serve(0x1)\n\t/go/server.go:3\n");
  EXPECT_EQ(blocked_at(d.stacks[d.goroutines[0].stack])->function, "github.com/x/y.(*T).f");
  EXPECT_EQ(blocked_at(d.stacks[d.goroutines[1].stack])->function, "net.(*conn).Read");
}

TEST(model, tauts_own_functions_are_passed_over) {
  stack s;
  s.frames = {{"taut::rt::park", "/lib/taut/src/sched/park.cc", 1},
              {"wait_in", "/lib/taut/src/chan/chan_core.cc", 2},
              {"taut::detail::chan_recv", "/lib/taut/src/chan/chan_core.cc", 3},
              {"operator()", "/app/src/main.cc", 4},
              {"taut::rt::entry", "/lib/taut/src/sched/go.cc", 5}};
  ASSERT_NE(blocked_at(s), nullptr);
  EXPECT_EQ(blocked_at(s)->line, 4u);
  EXPECT_EQ(state_of(s), "chan receive");
  s.frames.erase(s.frames.begin() + 3);
  EXPECT_EQ(blocked_at(s)->function, "taut::rt::park");
}

}  // namespace
