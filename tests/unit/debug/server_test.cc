// SPDX-License-Identifier: Apache-2.0
// The server: addresses, endpoints, tokens, limits, malformed requests, wedged workers.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
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

using namespace std::chrono_literals;
using taut::debug::serve_options;
using taut::debug::server;
using taut::test::ask;
using taut::test::decode;
using taut::test::exchange_bytes;
using taut::test::http_answer;

server started(const serve_options& wanted = {}) {
  return server::start("127.0.0.1:0", wanted).value();
}

TEST(server, says_what_is_wrong_with_an_address) {
  for (const char* remote : {"0.0.0.0:0", ":0", "[::]:0"}) {
    const auto refused = server::start(remote);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), std::errc::operation_not_permitted) << remote;
    EXPECT_NE(refused.error().message().find("allow_remote"), std::string::npos);
  }
  for (const char* bad :
       {"6060", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:http", "::1:6060", ""}) {
    const auto refused = server::start(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error(), std::errc::invalid_argument) << bad;
    EXPECT_NE(refused.error().message().find("HOST:PORT"), std::string::npos);
  }
  EXPECT_EQ(server::start("127.0.0.1:0", {.threads = 0}).error(), std::errc::invalid_argument);
  EXPECT_EQ(server::start("127.0.0.1:0", {.threads = 65}).error(), std::errc::invalid_argument);
}

TEST(server, reports_a_port_in_use) {
  server first = started();
  const auto second = server::start(first.address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), std::errc::address_in_use);
  EXPECT_EQ(taut::debug::serve(first.address()), std::errc::address_in_use);
  const std::string address = first.address();
  first.stop();
  EXPECT_EQ(first.address(), "");
  EXPECT_TRUE(server::start(address));
}

TEST(server, serves_remote_addresses_when_told) {
  auto all = server::start(":0", {.allow_remote = true});
  ASSERT_TRUE(all) << all.error().message();
  const std::string port = all->address().substr(all->address().rfind(':'));
  EXPECT_EQ(ask("127.0.0.1" + port, "/healthz", "Host: any.example\r\n").status, 200);
}

TEST(server, serve_needs_no_handle) { EXPECT_FALSE(taut::debug::serve("127.0.0.1:0")); }

// Starting one leaves SIGPIPE to the program.
TEST(server, leaves_signals_alone) {
  server s = started();
  struct sigaction now = {};
  ::sigaction(SIGPIPE, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_DFL);
}

TEST(server, index_lists_profiles) {
  server s = started();
  const http_answer page = ask(s.address(), "/debug/pprof/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("X-Content-Type-Options"), "nosniff");
  EXPECT_NE(page.body.find("<title>/debug/pprof/</title>"), std::string::npos);
  for (const char* name :
       {"allocs", "cmdline", "goroutine", "goroutineleak", "heap", "symbol", "threadcreate"}) {
    EXPECT_NE(page.body.find("<td><a href='" + std::string(name) + "?debug=1'>" + name + "</a>"),
              std::string::npos)
        << page.body;
  }
  EXPECT_NE(page.body.find("<a href=\"goroutine?debug=2\">full goroutine stack dump</a>"),
            std::string::npos);
  EXPECT_NE(ask(s.address(), "/debug/pprof/?debug=1").body.find("\tgoroutine\n"),
            std::string::npos);
}

RUNTIME_THREAD_TEST(server, serves_profiles) {
  server s = started();
  taut::chan<int> gate(0);
  taut::wait_group done;
  for (int i = 0; i < 3; ++i) done.go([gate] { gate.recv(); });
  taut::test::until_waiting(taut::rt::wait_reason::chan_receive, 3);

  const http_answer proto = ask(s.address(), "/debug/pprof/goroutine");
  EXPECT_EQ(proto.status, 200);
  EXPECT_EQ(proto.header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(proto.header("Content-Disposition"), "attachment; filename=\"goroutine\"");
  EXPECT_EQ(decode(proto.body).total(), 3);

  const http_answer text = ask(s.address(), "/debug/pprof/goroutine?debug=1");
  EXPECT_EQ(text.header("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(text.header("Content-Disposition"), "");
  EXPECT_TRUE(text.body.starts_with("goroutine profile: total 3\n")) << text.body;

  const http_answer dump = ask(s.address(), "/debug/pprof/goroutine?debug=2");
  EXPECT_EQ(dump.header("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_NE(dump.body.find(" [chan receive]:\n"), std::string::npos) << dump.body;

  const http_answer json = ask(s.address(), "/debug/pprof/goroutine?debug=3");
  EXPECT_EQ(json.header("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(nlohmann::json::parse(json.body)["total"], 3);

  const http_answer head = ask(s.address(), "/debug/pprof/goroutine", {}, "HEAD");
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.header("Accept-Ranges"), "none");
  EXPECT_EQ(exchange_bytes(s.address(), "GET /debug/pprof/goroutine?debug=2 HTTP/1.0\r\n\r\n", true)
                .find("Transfer-Encoding"),
            std::string::npos);
  gate.close();
  done.wait();
}

// This program does not link taut::heap.
TEST(server, says_what_a_heap_profile_needs) {
  server s = started();
  for (const char* name : {"heap", "allocs"}) {
    for (const char* form : {"", "?debug=1", "?gc=1", "?seconds=1"}) {
      const http_answer a = ask(s.address(), "/debug/pprof/" + std::string(name) + form);
      EXPECT_EQ(a.status, 501);
      EXPECT_EQ(a.header("X-Go-Pprof"), "1");
      EXPECT_EQ(a.header("Content-Disposition"), "");
      EXPECT_NE(a.body.find("link it with taut::heap"), std::string::npos) << a.body;
    }
    const taut::debug::profile p(name);
    EXPECT_EQ(p.count(), 0u);
    EXPECT_NE(taut::test::panic_of([&] { p.text(1); }).find("link it with taut::heap"),
              std::string::npos);
  }
  const std::string index = ask(s.address(), "/debug/pprof/").body;
  EXPECT_NE(index.find("<b>heap:</b> this program&#39;s allocations are not sampled"),
            std::string::npos)
      << index;
}

RUNTIME_THREAD_TEST(server, serves_deltas) {
  if (taut::test::current_options().workers != 2) return;  // each takes a second
  server s = started();
  taut::chan<int> gate(0);
  taut::wait_group done;
  auto wait_at_gate = [gate] { gate.recv(); };
  done.go(wait_at_gate);
  taut::test::until_waiting(taut::rt::wait_reason::chan_receive, 1);
  http_answer delta;
  std::atomic<bool> asked{false}, answered{false};
  std::thread client([&] {
    asked = true;
    delta = ask(s.address(), "/debug/pprof/goroutine?seconds=1");
    answered = true;
  });
  // Goroutines come all the time: some do after the first look.
  while (!asked) std::this_thread::yield();
  while (!answered) {
    done.go(wait_at_gate);
    std::this_thread::sleep_for(1ms);
  }
  client.join();
  EXPECT_EQ(delta.status, 200);
  EXPECT_EQ(delta.header("Content-Disposition"), "attachment; filename=\"goroutine-delta\"");
  const auto d = decode(delta.body);
  EXPECT_GT(d.total(), 0);
  EXPECT_GE(d.duration_nanos, 1'000'000'000);
  gate.close();
  done.wait();
}

TEST(server, answers_errors_as_go) {
  server s = started();
  auto expect = [&](const std::string& target, int status, const std::string& body) {
    const http_answer a = ask(s.address(), "/debug/pprof/" + target);
    EXPECT_EQ(a.status, status) << target;
    EXPECT_EQ(a.body, body + "\n") << target;
    EXPECT_EQ(a.header("X-Go-Pprof"), "1") << target;
    EXPECT_EQ(a.header("Content-Type"), "text/plain; charset=utf-8") << target;
    EXPECT_EQ(a.header("X-Content-Type-Options"), "nosniff") << target;
    EXPECT_EQ(a.header("Content-Disposition"), "") << target;
  };
  expect("nothing", 404, "Unknown profile");
  for (const char* bad : {"x", "0", "-1", "1.5", "99999999999999999999"}) {
    expect("goroutine?seconds=" + std::string(bad), 400,
           "invalid value for \"seconds\" - must be a positive integer");
  }
  expect("goroutine?seconds=1&debug=1", 400, "seconds and debug params are incompatible");
  expect("goroutine?seconds=3601", 400,
         "invalid value for \"seconds\" - at most 3600, the server would wait");
  EXPECT_EQ(ask(s.address(), "/").status, 404);
  const http_answer deleted = ask(s.address(), "/debug/pprof/goroutine", {}, "DELETE");
  EXPECT_EQ(deleted.status, 405);
  EXPECT_EQ(deleted.header("Allow"), "GET, HEAD");
}

// Whatever the answer is, and once.
TEST(server, lets_no_browser_guess_a_type) {
  server s = started();
  for (const char* target : {"", "goroutine", "goroutine?debug=1", "goroutine?debug=2",
                             "threadcreate?seconds=1", "threadcreate?seconds=0", "nothing", "heap",
                             "cmdline", "symbol", "profile?seconds=1", "profile?seconds=9999"}) {
    const std::string head = ask(s.address(), "/debug/pprof/" + std::string(target)).head;
    const std::string line = "\r\nX-Content-Type-Options: nosniff\r\n";
    const std::size_t first = head.find(line);
    EXPECT_NE(first, head.npos) << target;
    EXPECT_EQ(head.find(line, first + 1), head.npos) << target;
  }
}

TEST(server, names_addresses) {
  server s = started();
  char text[32];
  const auto address = reinterpret_cast<std::uintptr_t>(&taut::debug::serve);
  std::snprintf(text, sizeof text, "%#zx", static_cast<std::size_t>(address));
  const std::string expected = "num_symbols: 1\n" + std::string(text) + " taut::debug::serve\n";
  EXPECT_EQ(ask(s.address(), "/debug/pprof/symbol?" + std::string(text)).body, expected);
  EXPECT_EQ(ask(s.address(), "/debug/pprof/symbol", {}, "POST", "0x10+" + std::string(text)).body,
            expected);
  EXPECT_EQ(ask(s.address(), "/debug/pprof/symbol", {}, "POST", "+zzz++0x").body,
            "num_symbols: 1\n");
}

TEST(server, tells_the_command_line) {
  server s = started();
  const http_answer a = ask(s.address(), "/debug/pprof/cmdline");
  EXPECT_EQ(a.header("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_NE(a.body.find("taut_unit_debug"), std::string::npos);
  EXPECT_NE(a.body.back(), '\0');
}

TEST(server, asks_for_its_token) {
  server s = started({.token = "s3cret"});
  const http_answer none = ask(s.address(), "/debug/pprof/");
  EXPECT_EQ(none.status, 401);
  EXPECT_NE(none.header("WWW-Authenticate").find("Basic"), std::string::npos);
  EXPECT_EQ(ask(s.address(), "/debug/pprof/", "Authorization: Bearer wrong\r\n").status, 401);
  EXPECT_EQ(ask(s.address(), "/debug/pprof/", "Authorization: Bearer s3cret\r\n").status, 200);
  EXPECT_EQ(ask(s.address(), "/healthz", "Authorization: Basic eDpzM2NyZXQ=\r\n").status, 200);
  EXPECT_EQ(ask(s.address(), "/healthz", "Authorization: Basic eDp3cm9uZw==\r\n").status, 401);
}

TEST(server, refuses_names_of_others) {
  server s = started();
  EXPECT_EQ(ask(s.address(), "/healthz", "Host: evil.example\r\n").status, 403);
  EXPECT_EQ(ask(s.address(), "/healthz", "Host: localhost:1\r\n").status, 200);
  EXPECT_EQ(ask(s.address(), "http://evil.example/healthz").status, 403);
  EXPECT_EQ(ask(s.address(), "http://localhost/healthz").status, 200);
  const std::string bare = "GET /healthz HTTP/1.1\nHost: evil.example\n\n";
  EXPECT_EQ(taut::test::parsed(exchange_bytes(s.address(), bare, false)).status, 403);
  server with_token = started({.token = "t"});
  EXPECT_EQ(ask(with_token.address(), "/healthz", "Host: a.example\r\nAuthorization: Bearer t\r\n")
                .status,
            200);
}

// Requests that wait take half of the threads; the others answer on, and stop() ends them all.
TEST(server, keeps_threads_for_short_requests) {
  server s = started({.threads = 2});
  const std::string address = s.address();
  std::atomic<int> refused{0}, answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      const http_answer a = ask(address, "/debug/pprof/threadcreate?seconds=3600");
      const bool too_many = a.body.starts_with("too many requests");
      EXPECT_TRUE(!too_many || a.status == 503);
      (too_many ? refused : answered)++;
    });
  }
  while (refused == 0) {
    EXPECT_EQ(ask(address, "/healthz").status, 200);
  }
  s.stop();
  for (std::thread& t : clients) t.join();
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(answered, 1);
}

TEST(server, stops_with_idle_clients) {
  server s = started({.threads = 1});
  const int idle = taut::test::connect_to(s.address());
  const int waits = taut::test::connect_to(s.address());
  s.stop();
  ::close(idle);
  ::close(waits);
}

TEST(server, moves) {
  server a = started();
  server b = std::move(a);
  EXPECT_EQ(a.address(), "");
  EXPECT_EQ(ask(b.address(), "/healthz").status, 200);
  server c = started();
  const std::string address = c.address();
  c = std::move(b);
  EXPECT_THROW(taut::test::connect_to(address), std::runtime_error);
  EXPECT_EQ(ask(c.address(), "/healthz").status, 200);
}

// Every worker, and every spare, is kept by a loop that knows nothing of taut; the server answers.
TEST(server, answers_when_every_worker_is_wedged) {
  taut::start({.workers = 2});
  server s = started();
  std::atomic<int> spinning{0};
  std::atomic<bool> stop{false};
  taut::wait_group done;
  for (int i = 0; i < 2; ++i) {
    done.go([&] {
      ++spinning;
      spinning.notify_one();
      while (!stop) {
      }
    });
  }
  for (int n; (n = spinning) < 2;) spinning.wait(n);
  const http_answer dump = ask(s.address(), "/debug/pprof/goroutine?debug=2");
  EXPECT_EQ(dump.status, 200);
  EXPECT_NE(dump.body.find(" [running]:\n"), std::string::npos) << dump.body;
  EXPECT_EQ(decode(ask(s.address(), "/debug/pprof/goroutine").body).total(), 2);
  EXPECT_EQ(ask(s.address(), "/debug/pprof/goroutineleak?debug=1").body,
            "goroutineleak profile: total 0\n");
  const auto health = nlohmann::json::parse(ask(s.address(), "/healthz").body);
  EXPECT_EQ(health["stalled"].size(), 2u) << health.dump();
  EXPECT_EQ(health["goroutines"], 2);
  stop = true;
  done.wait();
  taut::stop();
}

// Bytes that are almost requests, by the thousand (TAUT_TEST_HTTP_REQUESTS: how many). Any answer
// is a clean refusal or a right one.
TEST(server, survives_malformed_requests) {
  server s = started();
  std::mt19937 random(20261122);
  const std::vector<std::string> good = {
      "GET /debug/pprof/goroutine?debug=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n0x1+2",
      "GET /debug/pprof/threadcreate HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "GET http://localhost/debug//pprof?debug=1 HTTP/1.1\nHost: localhost\n\n",
      "GET /%2e%2e/%00?%zz&=&a=b HTTP/1.1\r\nHost: [::1]:1\r\nRange: bytes=0-,9-1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; "
      "boundary=x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n--x\r\n\r\n--"};
  const std::vector<std::string> pieces = {"\r\n",
                                           "\r\n\r\n",
                                           "\n",
                                           "\0",
                                           " ",
                                           ":",
                                           "HTTP/1.1",
                                           "\xff\xfe",
                                           "%",
                                           "?",
                                           "Transfer-Encoding: chunked\r\n",
                                           "GET ",
                                           "Content-Length: 18446744073709551616\r\n",
                                           "Host: x\r\n",
                                           "Connection: close\r\n"};
  auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::set<int> statuses;
  const char* wanted = std::getenv("TAUT_TEST_HTTP_REQUESTS");
  const int requests = wanted == nullptr ? 4000 : std::atoi(wanted);
  for (int round = 0; round < requests; ++round) {
    std::string bytes = good[below(good.size())];
    for (std::size_t changes = below(5); changes-- > 0 && !bytes.empty();) {
      const std::size_t at = below(bytes.size());
      switch (below(6)) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, below(20));
          break;
        case 2:
          bytes.insert(at, pieces[below(pieces.size())]);
          break;
        case 3:
          bytes.resize(at);
          break;
        case 4:
          bytes.insert(at, below(100) == 0 ? 40000 : below(64), static_cast<char>(random()));
          break;
        case 5:
          bytes += good[below(good.size())];
          break;
      }
    }
    const std::string answer = exchange_bytes(s.address(), bytes, true);
    if (answer.empty()) continue;
    ASSERT_TRUE(answer.starts_with("HTTP/1.1 ")) << answer;
    const int status = taut::test::parsed(answer).status;
    statuses.insert(status);
    // 500 would be ours to mend.
    ASSERT_TRUE(status == 200 || status == 307 || (status >= 400 && status < 500) ||
                status == 501 || status == 505)
        << status << "\n"
        << bytes;
  }
  EXPECT_TRUE(statuses.contains(200) && statuses.contains(400) && statuses.contains(404));
  EXPECT_EQ(ask(s.address(), "/healthz").status, 200);
}

}  // namespace
