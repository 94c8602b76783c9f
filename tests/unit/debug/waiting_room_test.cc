// SPDX-License-Identifier: Apache-2.0
// Clients that have not asked yet, as a server sees them.
#include "debug/waiting_room.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "http_client.h"
#include "taut/debug.h"

namespace {

using taut::debug::serve_options;
using taut::debug::server;
using taut::test::ask;
using taut::test::http_answer;

server started(const serve_options& wanted) { return server::start("127.0.0.1:0", wanted).value(); }

// Whether the server has not closed it; for who has been told nothing.
bool is_open(int fd) {
  char byte;
  return ::recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

class connections {
 public:
  ~connections() {
    for (int fd : all_) ::close(fd);
  }
  int add(const std::string& address, std::string_view says) {
    all_.push_back(taut::test::connect_to(address));
    EXPECT_EQ(::send(all_.back(), says.data(), says.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(says.size()));
    return all_.back();
  }
  std::size_t open() const {
    return static_cast<std::size_t>(std::ranges::count_if(all_, is_open));
  }
  int operator[](std::size_t i) const { return all_[i]; }

 private:
  std::vector<int> all_;
};

// The only thread answers while others have said nothing, half a head, or a head without its body.
TEST(waiting_room, gives_no_thread_to_who_has_not_asked) {
  server s = started({.threads = 1});
  connections idle;
  for (const char* says :
       {"", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
        "POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n0x1"}) {
    for (int i = 0; i < 8; ++i) idle.add(s.address(), says);
  }
  EXPECT_EQ(ask(s.address(), "/healthz").status, 200);
  EXPECT_EQ(idle.open(), 24u);
}

// Beyond the bound, who has been idle for longest makes place for who comes.
TEST(waiting_room, drops_the_oldest_idle_client) {
  server s = started({.threads = 1});
  connections idle;
  for (std::size_t i = 0; i < taut::rt::most_waiting + 3; ++i) idle.add(s.address(), "GET ");
  for (std::size_t i = 0; i < 3; ++i) {
    char byte;
    EXPECT_LE(::recv(idle[i], &byte, 1, 0), 0);
  }
  EXPECT_EQ(ask(s.address(), "/healthz").status, 200);
  // One more had to go for the question.
  EXPECT_EQ(idle.open(), taut::rt::most_waiting - 1);
}

// One header may have all that a head may have.
TEST(waiting_room, reads_sixteen_kibibytes_of_head) {
  server s = started({.token = "s3cret"});
  const std::string start = "Authorization: Bearer s3cret\r\nX: ", last = "\r\n";
  const std::size_t others = ("GET /healthz HTTP/1.1\r\nHost: " + s.address() + "\r\n\r\n").size() +
                             start.size() + last.size();
  const std::string most(taut::rt::most_head - others, 'x');
  EXPECT_EQ(ask(s.address(), "/healthz", start + most + last).status, 200);
  const http_answer refused = ask(s.address(), "/healthz", start + most + "x" + last);
  EXPECT_EQ(refused.status, 431);
  EXPECT_EQ(refused.body, "431 Request Header Fields Too Large");
  const std::string token(10000, 't');
  server other = started({.token = token});
  EXPECT_EQ(ask(other.address(), "/healthz", "Authorization: Bearer " + token + "\r\n").status,
            200);
}

// A request may come in any pieces, and its connection may be left open.
TEST(waiting_room, takes_requests_in_pieces) {
  server s = started({.threads = 1});
  connections slow;
  const std::string request =
      "POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n0x1";
  const int fd = slow.add(s.address(), "");
  for (char c : request) {
    EXPECT_EQ(::send(fd, &c, 1, MSG_NOSIGNAL), 1);
    EXPECT_EQ(ask(s.address(), "/healthz").status, 200);
  }
  std::string answer;
  char some[4096];
  for (ssize_t n; (n = ::recv(fd, some, sizeof some, 0)) > 0;)
    answer.append(some, static_cast<std::size_t>(n));
  EXPECT_EQ(taut::test::parsed(answer).body, "num_symbols: 1\n");
}

}  // namespace
