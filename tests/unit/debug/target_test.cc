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

}  // namespace
}  // namespace taut::rt
