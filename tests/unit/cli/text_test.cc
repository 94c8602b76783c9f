// SPDX-License-Identifier: Apache-2.0
// Numbers, durations, names, addresses.
#include "cli/text.h"

#include <gtest/gtest.h>

#include "cli/error.h"
#include "cli/url.h"

namespace {

using namespace taut::cli;

TEST(text, numbers_and_durations) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(change_text(0), "0");
  EXPECT_EQ(change_text(-1234), "-1,234");
  EXPECT_EQ(change_text(7), "+7");
  EXPECT_EQ(duration_text(250'000'000), "250ms");
  EXPECT_EQ(duration_text(185'000'000'000), "3m5s");
  EXPECT_EQ(duration_text(-5), "0ms");
  EXPECT_EQ(parse_duration("30s"), 30'000'000'000);
  EXPECT_EQ(parse_duration("1h30m"), 5'400'000'000'000);
  EXPECT_EQ(parse_duration("500ms"), 500'000'000);
  EXPECT_EQ(parse_duration("7"), 7'000'000'000);
  for (const char* bad :
       {"", "s", "5 s", "-5s", "5d", "1.5s", "99999999999999999999s", "1000000000h", "5s5"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(text, shortens_in_the_middle) {
  EXPECT_EQ(shorten("abc", 3), "abc");
  EXPECT_EQ(shorten("abcdefghij", 7), "ab\u2026ghij");
  EXPECT_EQ(columns_of(shorten("\u00e4\u00f6\u00fc\u00df\u00e4\u00f6\u00fc\u00df", 5)), 5u);
  EXPECT_EQ(shorten("abc", 1), "\u2026");
  EXPECT_EQ(shorten("abc", 0), "");
}

TEST(text, lets_nothing_steer_the_terminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\n"), "a?[2Jb?");
  EXPECT_EQ(printable("\xc3\xa4\xff\xc2\x9b"), "\xc3\xa4??");
}

TEST(text, finds_the_nearest_word) {
  EXPECT_EQ(nearest("lekas", {"dump", "leaks"}), "leaks");
  EXPECT_EQ(nearest("xyzzy", {"dump", "leaks"}), "");
}

TEST(url, is_taken_as_pprof_takes_it) {
  for (const char* text : {"localhost:6060", "http://localhost:6060", "http://localhost:6060/",
                           "localhost:6060/debug/pprof", "localhost:6060/debug/pprof/",
                           "localhost:6060/debug/pprof/goroutine",
                           "localhost:6060/debug/pprof/goroutineleak", ":6060"}) {
    const url u = parse_url(text);
    EXPECT_EQ(u.origin(), "http://localhost:6060") << text;
    EXPECT_EQ(u.target("goroutine", "debug=3"), "/debug/pprof/goroutine?debug=3") << text;
  }
  EXPECT_EQ(parse_url("https://a.example/x/debug/pprof/").target("goroutine", ""),
            "/x/debug/pprof/goroutine");
  EXPECT_EQ(parse_url("https://a.example/x/debug/pprof/").origin(), "https://a.example:443");
  const url exact = parse_url("h:1/debug/pprof/goroutine?debug=2");
  EXPECT_EQ(exact.target("goroutine", "debug=3"), "/debug/pprof/goroutine?debug=2");
  const url v6 = parse_url("http://me:p%40ss@[::1]:80/");
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.user, "me");
  EXPECT_EQ(v6.password, "p@ss");
  EXPECT_EQ(v6.origin(), "http://[::1]:80");
}

TEST(url, says_what_is_wrong) {
  for (const char* bad : {"ftp://h", "http://h:", "http://h:0", "http://h:99999", "http://h:x",
                          "http://[::1", "http://h h/", "http://[::1]x"}) {
    EXPECT_THROW(parse_url(bad), user_error) << bad;
  }
}

}  // namespace
