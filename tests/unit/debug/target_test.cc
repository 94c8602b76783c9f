// SPDX-License-Identifier: Apache-2.0
// Targets of requests are read as Go 1.26 reads them: each answer here is that of its net/http.
#include "debug/target.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "taut/debug.h"
#include "unit/debug/http_client.h"

namespace taut::rt {
namespace {

using taut::test::ask;
using taut::test::http_answer;
using pairs = std::multimap<std::string, std::string>;

TEST(target, queries_are_read_as_go_reads_them) {
  EXPECT_EQ(query_pairs("debug=1;seconds=3&a=b"), (pairs{{"a", "b"}}));
  EXPECT_EQ(query_pairs("a=1=2&b&=c&%zz=1&d=%zz&e=a+b&e=2&%61=x&&f=%2"),
            (pairs{{"", "c"}, {"a", "1=2"}, {"a", "x"}, {"b", ""}, {"e", "a b"}, {"e", "2"}}));
  EXPECT_TRUE(query_pairs("").empty());
}

// As debug=3 it would be JSON.
TEST(target, pages_get_what_go_would_give_them) {
  auto s = debug::server::start("127.0.0.1:0").value();
  const http_answer a = ask(s.address(), "/debug/pprof/threadcreate?debug=1;seconds=3");
  EXPECT_EQ(a.header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(ask(s.address(), "/debug/pprof/threadcreate?debug=1=3").header("Content-Type"),
            "application/octet-stream");
  EXPECT_TRUE(ask(s.address(), "/debug/pprof/threadcreate?%64ebug=%31")
                  .body.starts_with("threadcreate profile: total "));
}

TEST(target, paths_are_cleaned) {
  for (const auto& [sent, clean] : std::map<std::string, std::string>{{"/", "/"},
                                                                      {"/a", "/a"},
                                                                      {"/a/", "/a/"},
                                                                      {"//a//b//", "/a/b/"},
                                                                      {"/a/./b", "/a/b"},
                                                                      {"/a/../b/", "/b/"},
                                                                      {"/a/..", "/"},
                                                                      {"/a/b/..", "/a"},
                                                                      {"/a/.", "/a"},
                                                                      {"/../../a", "/a"},
                                                                      {"/...", "/..."},
                                                                      {"/%2e%2e/a", "/%2e%2e/a"}})
    EXPECT_EQ(clean_path(sent), clean) << sent;
}

TEST(target, others_are_redirected_as_by_gos_mux) {
  auto s = debug::server::start("127.0.0.1:0").value();
  auto expect = [&](const std::string& target, const std::string& location) {
    const http_answer a = ask(s.address(), target);
    EXPECT_EQ(a.status, 307) << target;
    EXPECT_EQ(a.header("Location"), location) << target;
    EXPECT_EQ(a.header("Content-Type"), "text/html; charset=utf-8") << target;
  };
  expect("/debug/pprof", "/debug/pprof/");
  expect("/debug/pprof?debug=1", "/debug/pprof/?debug=1");
  expect("//debug/pprof", "/debug/pprof/");
  expect("/debug/pprof/.", "/debug/pprof/");
  expect("/debug/pprof/..", "/debug");
  expect("/debug/pprof//goroutine?debug=1", "/debug/pprof/goroutine?debug=1");
  expect("/debug/pprof/../pprof/goroutine", "/debug/pprof/goroutine");
  expect("//nowhere.example/", "/nowhere.example/");
  expect("/nowhere//x", "/nowhere/x");
  // No other host's address, and no markup.
  expect("/\\evil.example//x", "/%5Cevil.example/x");
  expect("/\"<\xe4//x?\xe4", "/%22%3C%E4/x?%E4");
  EXPECT_EQ(ask(s.address(), "/debug/pprof?a=\"><b>").body,
            "<a href=\"/debug/pprof/?a=&#34;&gt;&lt;b&gt;\">Temporary Redirect</a>.\n\n");
  EXPECT_EQ(ask(s.address(), "/debug/pprof", {}, "HEAD").header("Location"), "/debug/pprof/");
  EXPECT_EQ(ask(s.address(), "/debug/pprof", {}, "POST").status, 405);
  const http_answer posted = ask(s.address(), "/debug/pprof//goroutine", {}, "POST");
  EXPECT_EQ(posted.status, 307);
  EXPECT_EQ(posted.body, "");
  EXPECT_EQ(ask(s.address(), "/debug/pprof//x", {}, "CONNECT").status, 405);
  EXPECT_EQ(ask(s.address(), "/debug/pprof/%2e%2e/pprof/cmdline").body, "Unknown profile\n");
}

}  // namespace
}  // namespace taut::rt
