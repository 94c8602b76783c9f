// SPDX-License-Identifier: Apache-2.0
// Listening, dialling and resolving, at scale and at the edges.
#include "taut/net.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

#include "support/fixture.h"
#include "taut/io.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using namespace std::chrono_literals;
using rt::wait_reason;

std::string socket_path(const char* name) {
  return "/tmp/taut-net-test-" + std::to_string(::getpid()) + '-' + name;
}

// Answers each connection what it sends, until the listener closes.
void serve_echo(listener& l) {
  wait_group serving;
  while (auto c = l.accept()) {
    serving.go([c = std::move(*c)]() mutable {
      std::array<char, 512> some;
      while (auto n = c.read_some(some)) {
        if (*n == 0 || !c.write_all(std::string_view(some.data(), *n))) return;
      }
    });
  }
  serving.wait();
}

RUNTIME_TEST(net, five_hundred_connections_at_once) {
  constexpr int count = 500;
  listener l = listen("tcp", "127.0.0.1:0").value();
  wait_group server, clients;
  server.go([&] { serve_echo(l); });
  std::atomic<int> right{0}, open{0};
  for (int i = 0; i < count; ++i) {
    clients.go([&, i] {
      auto c = dial("tcp", l.addr());
      ASSERT_TRUE(c) << describe("dial", "tcp", l.addr(), c.error());
      open.fetch_add(1);
      // Everybody is connected before anybody speaks.
      until([&] { return open.load() == count; });
      const std::string text = "number " + std::to_string(i);
      std::string answer(text.size(), ' ');
      for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(c->write_all(text));
        ASSERT_EQ(c->read_full(answer).value(), text.size());
        if (answer == text) right.fetch_add(1);
      }
    });
  }
  clients.wait();
  l.close();
  server.wait();
  EXPECT_EQ(right.load(), 3 * count);
}

RUNTIME_TEST(net, unix_sockets_by_path_and_their_file) {
  const std::string path = socket_path("echo");
  listener l = listen("unix", path).value();
  EXPECT_EQ(l.addr(), path);
  EXPECT_EQ(listen("unix", path).error(), std::errc::address_in_use);
  conn c = dial("unix", path).value();
  conn s = l.accept().value();
  EXPECT_EQ(c.remote_addr(), path);
  EXPECT_EQ(s.local_addr(), path);
  EXPECT_EQ(s.remote_addr(), "");
  l.close();
  struct stat info;
  EXPECT_NE(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(dial("unix", path).error(), std::errc::no_such_file_or_directory);
}

RUNTIME_TEST(net, dialling_a_full_unix_backlog_waits_for_room) {
  listener l =
      listen("unix", "@taut-backlog-" + std::to_string(::getpid()), {.backlog = 1}).value();
  constexpr int count = 8;
  wait_group clients;
  for (int i = 0; i < count; ++i) clients.go([&] { EXPECT_TRUE(dial("unix", l.addr())); });
  for (int i = 0; i < count; ++i) EXPECT_TRUE(l.accept());
  clients.wait();
}

RUNTIME_TEST(net, names_are_resolved_off_the_workers) {
  listener l = listen("tcp", "localhost:0").value();
  EXPECT_TRUE(dial("tcp", "localhost:" + std::to_string(l.port())));
  auto found = resolve("localhost", "80");
  ASSERT_TRUE(found) << found.error().message();
  bool has_loopback = false;
  for (const std::string& a : *found) has_loopback |= a == "127.0.0.1:80" || a == "[::1]:80";
  EXPECT_TRUE(has_loopback);
  EXPECT_EQ(resolve("192.0.2.7", "443").value().at(0), "192.0.2.7:443");
  EXPECT_EQ(resolve("2001:db8::1", "443").value().at(0), "[2001:db8::1]:443");
  until([] { return num_goroutine() == 1; });
}

RUNTIME_TEST(net, addresses_that_make_no_sense) {
  for (const char* bad : {"127.0.0.1", "::1:80", "[::1:80", "127.0.0.1:http!"}) {
    EXPECT_EQ(dial("tcp", bad).error(), errc::bad_address) << bad;
  }
  EXPECT_EQ(dial("unix", "").error(), errc::bad_address);
  EXPECT_EQ(dial("unix", std::string(200, 'x')).error(), errc::bad_address);
  EXPECT_EQ(dial("udp", "127.0.0.1:1").error(), std::errc::invalid_argument);
  EXPECT_EQ(listen("tcp", "127.0.0.1:0", {.backlog = -1}).error(), std::errc::invalid_argument);
  EXPECT_EQ(listen("tcp", "192.0.2.1:0").error(), std::errc::address_not_available);
}

RUNTIME_TEST(net, a_port_in_use_is_named_with_a_remedy) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  auto second = listen("tcp", l.addr());
  ASSERT_EQ(second.error(), std::errc::address_in_use);
  const std::string text = describe("listen", "tcp", l.addr(), second.error());
  EXPECT_EQ(text.find("listen tcp " + l.addr() +
                      ": Address already in use (another socket listens there"),
            0u)
      << text;
  auto shared = listen("tcp", "127.0.0.1:0", {.reuse_port = true});
  ASSERT_TRUE(shared);
  EXPECT_TRUE(listen("tcp", shared->addr(), {.reuse_port = true}));
}

RUNTIME_TEST(net, all_interfaces_take_both_families) {
  listener l = listen("tcp", ":0").value();
  EXPECT_TRUE(dial("tcp", "127.0.0.1:" + std::to_string(l.port())));
  EXPECT_TRUE(dial("tcp", ":" + std::to_string(l.port())));
  listener four = listen("tcp4", ":0").value();
  EXPECT_EQ(four.addr(), "0.0.0.0:" + std::to_string(four.port()));
}

RUNTIME_TEST(net, accept_has_a_deadline_that_can_be_moved) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  l.set_deadline(now() + 2ms);
  EXPECT_EQ(l.accept().error(), errc::deadline_exceeded);
  l.set_deadline({});
  EXPECT_TRUE(dial("tcp", l.addr()));
  EXPECT_TRUE(l.accept());
}

RUNTIME_TEST(net, descriptors_are_not_inherited_and_moves_close) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  conn c = dial("tcp", l.addr()).value();
  conn s = l.accept().value();
  for (int fd : {l.fd(), c.fd(), s.fd()}) {
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  }
  const int old = c.fd();
  c = std::move(s);
  EXPECT_EQ(::fcntl(old, F_GETFD), -1);
  EXPECT_FALSE(s);
  listener other = std::move(l);
  EXPECT_FALSE(l);
  EXPECT_TRUE(other.port() > 0);
}

// In a process of its own: a limit of descriptors, more clients than fit, and none is lost.
int serve_with_few_descriptors() {
  return run([] {
    listener l = listen("tcp", "127.0.0.1:0").value();
    constexpr int count = 12;
    std::vector<int> hogs;
    std::vector<conn> clients;
    for (int i = 0; i < count; ++i) clients.push_back(dial("tcp", l.addr()).value());
    // From here on no descriptor is left.
    const int taken = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const rlimit limit{static_cast<rlim_t>(taken) + 1, static_cast<rlim_t>(taken) + 1};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 10;
    for (int fd = 0; fd < taken; ++fd) {
      if (::fcntl(fd, F_GETFD) == -1) hogs.push_back(::dup(taken));
    }
    if (dial("tcp", l.addr()).error() != std::errc::too_many_files_open) return 11;
    std::vector<conn> served;
    std::atomic<int> accepted{0};
    wait_group accepting;
    accepting.go([&] {
      while (served.size() < count) {
        auto c = l.accept();
        if (!c) return;
        served.push_back(std::move(*c));
        ++accepted;
      }
    });
    until_waiting(wait_reason::io_wait);
    if (accepted != 0) return 12;
    // One leaves, one is accepted: each close makes room.
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      clients[static_cast<std::size_t>(i)].close();
    }
    accepting.wait();
    if (std::chrono::steady_clock::now() - began > 30s) return 13;
    return served.size() == count ? 0 : 14;
  });
}

TEST(net, a_shortage_of_descriptors_is_waited_out_and_loses_nobody) {
#if defined(TAUT_ASAN)
  GTEST_SKIP() << "UBSan's vptr check opens a pipe, and calls a vptr invalid when it cannot";
#endif
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(serve_with_few_descriptors());
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace taut::test
