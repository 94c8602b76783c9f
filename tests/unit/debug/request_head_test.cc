// SPDX-License-Identifier: Apache-2.0
// What the server lets pass to the HTTP library, and what it answers itself.
#include "debug/request_head.h"

#include <gtest/gtest.h>

#include <string>

namespace taut::rt {
namespace {

int status(const std::string& head) { return check_head(head).status; }

TEST(request_head, passes_what_is_right) {
  const request_head h = check_head(
      "GET /debug/pprof/?debug=1 HTTP/1.1\r\nHost: localhost:6060\r\nRange: bytes=0-1\r\n"
      "Accept-Encoding: gzip\r\nX-Y:  z \r\n\r\n");
  EXPECT_EQ(h.status, 0);
  EXPECT_EQ(h.host, "localhost:6060");
  EXPECT_EQ(h.line, "GET /debug/pprof/?debug=1 HTTP/1.1");
  EXPECT_EQ(status("GET / HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(check_head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n").content_length,
            12u);
}

TEST(request_head, takes_lines_without_carriage_return) {
  const request_head h = check_head("GET /q HTTP/1.1\nHost: a\r\nAuthorization: b c\n\r\n");
  EXPECT_EQ(h.status, 0);
  EXPECT_EQ(h.line, "GET /q HTTP/1.1");
  EXPECT_EQ(h.host, "a");
  EXPECT_EQ(h.authorization, "b c");
  EXPECT_EQ(status("\n\nGET /q HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(status("GET /q HTTP/1.1\nHost: a\rb\n\n"), 400);
  EXPECT_EQ(status("GET /q HTTP/1.1\r\r\nHost: a\r\n\r\n"), 400);
  for (const std::string head : {"a\r\n\r\n", "a\n\n", "a\r\n\n", "a\n\r\n"}) {
    for (std::size_t size = 0; size < head.size(); ++size)
      EXPECT_EQ(size_of_head(head.substr(0, size), 0), 0u);
    for (std::size_t from = 0; from < head.size(); ++from)
      EXPECT_EQ(size_of_head(head + "body\n\n", from), head.size());
  }
}

// As sent to a proxy. The target's host is the request's, for checks as well.
TEST(request_head, takes_absolute_targets) {
  auto line_and_host = [](const std::string& target) {
    const request_head h = check_head("GET " + target + " HTTP/1.1\r\nHost: b\r\n\r\n");
    return std::to_string(h.status) + " " + h.line + " " + h.host;
  };
  EXPECT_EQ(line_and_host("http://a/q?x=//"), "0 GET /q?x=// HTTP/1.1 a");
  EXPECT_EQ(line_and_host("https://u:p@a:1/q"), "0 GET /q HTTP/1.1 a:1");
  EXPECT_EQ(line_and_host("http://a"), "0 GET / HTTP/1.1 a");
  EXPECT_EQ(line_and_host("http://a?x"), "0 GET /?x HTTP/1.1 a");
  EXPECT_EQ(line_and_host("http:///q"), "0 GET /q HTTP/1.1 b");
  for (const char* bad : {"a/q", "://a/q", "1http://a/q", "q?://", "*"})
    EXPECT_EQ(status("GET " + std::string(bad) + " HTTP/1.1\r\nHost: b\r\n\r\n"), 400) << bad;
  EXPECT_EQ(status("GET http://a/q HTTP/1.1\r\n\r\n"), 400);  // no Host
}

TEST(request_head, refuses_as_go) {
  EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), 400);  // no Host
  EXPECT_EQ(status("\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status("G@T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status("GET x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /?%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
  EXPECT_EQ(status("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n b: folded\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"), 400);
  EXPECT_EQ(status(std::string("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", 28)), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n"), 417);
  EXPECT_EQ(status("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
  EXPECT_EQ(status("GET /" + std::string(most_target, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
}

TEST(request_head, bounds_headers_and_bodies) {
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 0; i < most_headers; ++i) many += "X: y\r\n";
  EXPECT_EQ(status(many + "\r\n"), 431);
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ";
  EXPECT_EQ(status(post + "65536\r\n\r\n"), 0);
  EXPECT_EQ(status(post + "65537\r\n\r\n"), 413);
  EXPECT_EQ(status(post + "99999999999999999999999\r\n\r\n"), 413);
  EXPECT_EQ(status(post + "-1\r\n\r\n"), 400);
  EXPECT_EQ(status(post + "1x\r\n\r\n"), 400);
  EXPECT_EQ(status(post + "1\r\nContent-Length: 2\r\n\r\n"), 400);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"), 501);
}

TEST(request_head, knows_local_names) {
  for (const char* local : {"localhost", "LocalHost:6060", "127.0.0.1", "10.1.2.3:80", "[::1]",
                            "[::1]:6060", "[fe80::1%eth0]:1"})
    EXPECT_TRUE(is_local_name(local)) << local;
  for (const char* other : {"evil.example", "evil.example:6060", "localhost.evil.example", "",
                            "[evil]", "[::1", "127.0.0.1.evil.example"})
    EXPECT_FALSE(is_local_name(other)) << other;
}

TEST(request_head, finds_and_compares_tokens) {
  EXPECT_EQ(token_of("Bearer s3cret"), "s3cret");
  EXPECT_EQ(token_of("bearer  s3cret "), "s3cret");
  EXPECT_EQ(token_of("Basic YW55OnMzY3JldA=="), "s3cret");  // any:s3cret
  EXPECT_EQ(token_of("Basic !!!"), "");
  EXPECT_EQ(token_of("s3cret"), "");
  EXPECT_TRUE(equal_in_constant_time("s3cret", "s3cret"));
  EXPECT_FALSE(equal_in_constant_time("s3creT", "s3cret"));
  EXPECT_FALSE(equal_in_constant_time("s3cret0", "s3cret"));
  EXPECT_FALSE(equal_in_constant_time("", "s3cret"));
}

}  // namespace
}  // namespace taut::rt
