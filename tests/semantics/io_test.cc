// SPDX-License-Identifier: Apache-2.0
// The rules IO-nn of docs/semantics.md: the net package's, for streams, listeners and dialling.
#include "taut/io.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/context.h"
#include "taut/net.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

struct connected {
  conn client, server;
};

connected connect_pair(std::string_view network = "tcp") {
  static std::atomic<int> number{0};
  const std::string at = network == "unix" ? "@taut-io-test-" + std::to_string(::getpid()) + '-' +
                                                 std::to_string(number.fetch_add(1))
                                           : "127.0.0.1:0";
  listener l = listen(network, at).value();
  conn client = dial(network, l.addr()).value();
  return {std::move(client), l.accept().value()};
}

std::string read_until_end(conn& c) {
  std::string all;
  std::array<char, 7> some;
  while (auto n = c.read_some(some)) {
    if (*n == 0) break;
    all.append(some.data(), *n);
  }
  return all;
}

RUNTIME_TEST(io, IO_01_a_read_waits_for_bytes_and_returns_what_is_there) {
  for (const char* network : {"tcp", "unix"}) {
    auto [client, server] = connect_pair(network);
    wait_group done;
    done.go([&] {
      char into[16];
      EXPECT_EQ(client.read_some(into).value(), 2u);
      EXPECT_EQ(std::string(into, 2), "hi");
    });
    until_waiting(wait_reason::io_wait);
    EXPECT_TRUE(server.write_all("hi"));
    done.wait();
  }
}

RUNTIME_TEST(io, IO_02_the_end_reads_as_zero_for_ever_and_half_closed_streams_go_on) {
  for (const char* network : {"tcp", "unix"}) {
    auto [client, server] = connect_pair(network);
    EXPECT_TRUE(client.write_all("question"));
    EXPECT_TRUE(client.close_write());
    EXPECT_EQ(read_until_end(server), "question");
    char into[4];
    EXPECT_EQ(server.read_some(into).value(), 0u);
    EXPECT_TRUE(server.write_all("answer"));
    server.close();
    EXPECT_EQ(read_until_end(client), "answer");
    EXPECT_EQ(client.write_all("more").error(), std::errc::broken_pipe);
  }
}

RUNTIME_TEST(io, IO_03_read_full_fills_the_buffer_unless_the_stream_ends) {
  auto [client, server] = connect_pair();
  wait_group done;
  done.go([&] {
    std::string into(6, ' ');
    EXPECT_EQ(server.read_full(into).value(), 6u);
    EXPECT_EQ(into, "abcdef");
    EXPECT_EQ(server.read_full(into).value(), 2u);
    EXPECT_EQ(into.substr(0, 2), "gh");
  });
  for (const char* part : {"ab", "cd", "efg", "h"}) {
    until_waiting(wait_reason::io_wait);
    EXPECT_TRUE(client.write_all(part));
  }
  client.close();
  done.wait();
}

RUNTIME_TEST(io, IO_04_write_all_waits_for_room_and_its_bytes_stay_together) {
  auto [client, server] = connect_pair("unix");
  constexpr std::size_t size = 300'000;  // more than the socket's buffer
  wait_group writers;
  for (char letter : {'a', 'b', 'c'}) {
    writers.go([&c = client, letter] { EXPECT_TRUE(c.write_all(std::string(size, letter))); });
  }
  std::string all(3 * size, ' ');
  EXPECT_EQ(server.read_full(all).value(), all.size());
  writers.wait();
  EXPECT_NE(all[0], all[size]);
  for (std::size_t i = 0; i < all.size(); i += size) {
    EXPECT_EQ(all.substr(i, size), std::string(size, all[i]));
  }
}

RUNTIME_TEST(io, IO_05_close_ends_every_wait_and_every_later_call) {
  auto [client, server] = connect_pair();
  wait_group done;
  for (int i = 0; i < 3; ++i) {
    done.go([&c = client] {
      char into[4];
      EXPECT_EQ(c.read_some(into).error(), errc::closed);
    });
  }
  until_waiting(wait_reason::io_wait, 3);
  client.close();
  done.wait();
  char into[4];
  EXPECT_EQ(client.read_some(into).error(), errc::closed);
  EXPECT_EQ(client.write_some("x").error(), errc::closed);
  EXPECT_EQ(client.fd(), -1);
  client.close();
  EXPECT_EQ(conn().read_some(into).error(), errc::closed);
}

RUNTIME_TEST(io, IO_06_a_deadline_ends_waiting_and_later_calls_until_it_is_moved) {
  auto [client, server] = connect_pair();
  client.set_read_deadline(now() + 5ms);
  char into[4];
  EXPECT_EQ(client.read_some(into).error(), errc::deadline_exceeded);
  EXPECT_TRUE(server.write_all("x"));
  EXPECT_EQ(client.read_some(into).error(), errc::deadline_exceeded);
  EXPECT_TRUE(client.write_all("y"));
  client.set_read_deadline({});
  EXPECT_EQ(client.read_some(into).value(), 1u);
}

RUNTIME_TEST(io, IO_07_setting_a_deadline_reaches_the_calls_that_wait) {
  auto [client, server] = connect_pair();
  wait_group done;
  for (int i = 0; i < 2; ++i) {
    done.go([&c = client] {
      char into[4];
      EXPECT_EQ(c.read_some(into).error(), errc::deadline_exceeded);
    });
  }
  until_waiting(wait_reason::io_wait, 2);
  client.set_deadline(now() + 1h);
  until_waiting(wait_reason::io_wait, 2);
  client.set_deadline(now() - 1s);
  done.wait();
  EXPECT_EQ(client.write_some("x").error(), errc::deadline_exceeded);
}

RUNTIME_TEST(io, IO_08_an_explicit_context_ends_the_wait_with_its_error) {
  auto [client, server] = connect_pair();
  auto [ctx, cancel] = with_cancel(background());
  wait_group done;
  done.go([&c = client, given = ctx] {
    char into[4];
    EXPECT_EQ(c.read_some(given, into).error(), errc::canceled);
  });
  until_waiting(wait_reason::io_wait);
  cancel();
  done.wait();
  auto [late, stop] = with_timeout(background(), 2ms);
  char into[4];
  EXPECT_EQ(client.read_some(late, into).error(), errc::deadline_exceeded);
  EXPECT_EQ(client.read_some(ctx, into).error(), errc::canceled);
  // The stream is as good as before.
  EXPECT_TRUE(server.write_all("ok"));
  EXPECT_EQ(client.read_some(into).value(), 2u);
}

RUNTIME_TEST(io, IO_09_the_bound_context_ends_the_wait_by_canceled) {
  auto [client, server] = connect_pair();
  listener l = listen("tcp", "127.0.0.1:0").value();
  auto [ctx, cancel] = with_cancel(background());
  wait_group done;
  std::atomic<int> unwound{0};
  done.add(3);
  const auto ends = [&](auto&& waits) {
    struct at_end {
      wait_group& w;
      std::atomic<int>& n;
      ~at_end() { n.fetch_add(1), w.done(); }
    } end{done, unwound};
    waits();
    ADD_FAILURE() << "the wait returned";
  };
  go(ctx, [&, &c = client] {
    ends([&] {
      char into[4];
      (void)c.read_some(into);
    });
  });
  go(ctx, [&] { ends([&] { (void)l.accept(); }); });
  go(ctx, [&, fd = server.fd()] { ends([&] { (void)wait_fd(fd, fd_events::readable); }); });
  until_waiting(wait_reason::io_wait, 3);
  cancel();
  done.wait();
  EXPECT_EQ(unwound.load(), 3);
}

RUNTIME_TEST(io, IO_10_accept_hands_over_connections_and_close_ends_it) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  EXPECT_NE(l.port(), 0);
  wait_group done;
  std::atomic<int> accepted{0}, ended{0};
  for (int i = 0; i < 3; ++i) {
    done.go([&] {
      for (;;) {
        auto c = l.accept();
        if (!c) {
          EXPECT_EQ(c.error(), errc::closed);
          ended.fetch_add(1);
          return;
        }
        accepted.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(dial("tcp", l.addr()));
  until([&] { return accepted.load() == 5; });
  until_waiting(wait_reason::io_wait, 3);
  const std::string at = l.addr();
  l.close();
  done.wait();
  EXPECT_EQ(ended.load(), 3);
  EXPECT_EQ(l.accept().error(), errc::closed);
  EXPECT_EQ(dial("tcp", at).error(), std::errc::connection_refused);
}

RUNTIME_TEST(io, IO_11_a_reset_is_a_plain_error) {
  auto [client, server] = connect_pair();
  EXPECT_TRUE(client.write_all("unread"));
  // Closing with unread bytes resets.
  char one[1];
  EXPECT_EQ(server.read_some(one).value(), 1u);
  server.close();
  EXPECT_EQ(client.read_some(one).error(), std::errc::connection_reset);
  while (client.write_all("x")) {
  }
  EXPECT_EQ(client.write_all("x").error(), std::errc::broken_pipe);
}

RUNTIME_TEST(io, IO_12_wait_hang_up_ends_when_the_peer_goes_and_reads_nothing) {
  auto [client, server] = connect_pair();
  wait_group done;
  EXPECT_TRUE(client.write_all("kept"));
  done.go([&s = server] { EXPECT_TRUE(s.wait_hang_up(background())); });
  until_waiting(wait_reason::io_wait);
  EXPECT_FALSE(server.hung_up());
  let_others_run();
  EXPECT_EQ(waiting(wait_reason::io_wait), 1u);
  client.close();
  done.wait();
  EXPECT_TRUE(server.hung_up());
  EXPECT_EQ(read_until_end(server), "kept");
}

RUNTIME_TEST(io, IO_13_wait_fd_waits_for_any_descriptor_and_several_may) {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  wait_group done;
  for (int i = 0; i < 3; ++i) {
    done.go([&] { EXPECT_TRUE(wait_fd(fd, fd_events::readable).value() & fd_events::readable); });
  }
  until_waiting(wait_reason::io_wait, 3);
  EXPECT_TRUE(wait_fd(fd, fd_events::readable | fd_events::writable).value() & fd_events::writable);
  EXPECT_EQ(wait_fd_until(now() + 2ms, fd, fd_events::readable).error(), errc::deadline_exceeded);
  const std::uint64_t one = 1;
  EXPECT_EQ(::write(fd, &one, sizeof one), 8);
  done.wait();
  ::close(fd);
  EXPECT_EQ(wait_fd(fd, fd_events::readable).error(), std::errc::bad_file_descriptor);
}

RUNTIME_TEST(io, IO_14_a_pipe_without_a_reader_is_an_error_and_no_signal) {
  auto [reader, writer] = make_pipe().value();
  EXPECT_TRUE(writer.write_all("x"));
  char into[4];
  EXPECT_EQ(reader.read_some(into).value(), 1u);
  reader.close();
  EXPECT_EQ(writer.write_all("y").error(), std::errc::broken_pipe);
}

RUNTIME_TEST(io, IO_15_blocking_lets_the_others_run) {
  // A blocking read of a pipe that another goroutine fills: on one worker it returns only if that
  // goroutine runs meanwhile.
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  go([out = fds[1]] { EXPECT_EQ(::write(out, "z", 1), 1); });
  const char got = blocking([in = fds[0]] {
    char c = 0;
    EXPECT_EQ(::read(in, &c, 1), 1);
    return c;
  });
  EXPECT_EQ(got, 'z');
  EXPECT_THROW(blocking([] { throw 1; }), int);
  ::close(fds[0]);
  ::close(fds[1]);
}

RUNTIME_THREAD_TEST(io, IO_16_a_thread_that_is_no_goroutine_may_use_everything) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  std::thread other([&] {
    conn c = l.accept().value();
    EXPECT_EQ(read_until_end(c), "from a thread");
    EXPECT_TRUE(c.write_all("to a thread"));
  });
  conn c = dial("tcp", l.addr()).value();
  EXPECT_TRUE(c.write_all("from a thread"));
  EXPECT_TRUE(c.close_write());
  EXPECT_EQ(read_until_end(c), "to a thread");
  other.join();
  c = dial("tcp", l.addr()).value();
  c.set_read_deadline(now() + 1ms);
  char into[1];
  EXPECT_EQ(c.read_some(into).error(), errc::deadline_exceeded);
}

}  // namespace
}  // namespace taut::test
