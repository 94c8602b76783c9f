// SPDX-License-Identifier: Apache-2.0
// Descriptors that are no sockets, the reuse of their numbers, and the records behind them.
#include "taut/io.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "io/poll_fd.h"
#include "support/fixture.h"
#include "taut/net.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using namespace std::chrono_literals;
using rt::wait_reason;

RUNTIME_TEST(fd, adopts_what_can_be_waited_for) {
  fd_stream counter = fd_stream::adopt(::eventfd(0, 0)).value();
  wait_group done;
  done.go([&] {
    std::uint64_t value = 0;
    EXPECT_EQ(counter.read_some(std::as_writable_bytes(std::span(&value, 1))).value(),
              sizeof value);
    EXPECT_EQ(value, 5u);
  });
  until_waiting(wait_reason::io_wait);
  const std::uint64_t five = 5;
  EXPECT_TRUE(counter.write_all(std::as_bytes(std::span(&five, 1))));
  done.wait();
  EXPECT_NE(::fcntl(counter.fd(), F_GETFD) & FD_CLOEXEC, 0);
}

RUNTIME_TEST(fd, refuses_a_regular_file_which_is_always_ready) {
  const int file = ::open(TAUT_TEST_SOURCE_DIR "/CMakeLists.txt", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  EXPECT_TRUE(wait_fd(file, fd_events::readable).value() & fd_events::readable);
  EXPECT_EQ(fd_stream::adopt(file).error(), std::errc::operation_not_permitted);
  EXPECT_EQ(::fcntl(file, F_GETFD), -1);
  EXPECT_EQ(fd_stream::adopt(-1).error(), std::errc::bad_file_descriptor);
}

RUNTIME_TEST(fd, a_pipe_carries_more_than_it_holds) {
  auto [reader, writer] = make_pipe().value();
  constexpr std::size_t size = 1 << 20;
  wait_group done;
  done.go([w = std::move(writer)]() mutable { EXPECT_TRUE(w.write_all(std::string(size, 'p'))); });
  std::string all(size + 1, ' ');
  EXPECT_EQ(reader.read_full(all).value(), size);
  EXPECT_EQ(all.find_first_not_of('p'), size);
  done.wait();
}

RUNTIME_TEST(fd, a_broken_pipe_leaves_no_signal_pending) {
  auto [reader, writer] = make_pipe().value();
  reader.close();
  EXPECT_EQ(writer.write_some("x").error(), std::errc::broken_pipe);
  sigset_t pending;
  ::sigpending(&pending);
  EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
}

// A goroutine closes while others wait and the numbers are reused at once: nobody may read what is
// another's.
RUNTIME_TEST(fd, closing_under_readers_never_reads_a_reused_number) {
  std::atomic<int> foreign{0};
  for (int round = 0; round < 100; ++round) {
    auto first = make_pipe().value();
    wait_group done;
    for (int i = 0; i < 2; ++i) {
      done.go([&] {
        char c = 0;
        auto n = first.reader.read_some(std::span<char>(&c, 1));
        if (n && *n == 1 && c != 'a') foreign.fetch_add(1);
      });
    }
    if (round % 2 == 0) yield();
    first.reader.close();
    auto second = make_pipe().value();
    EXPECT_TRUE(second.writer.write_all("b"));
    done.wait();
    char c = 0;
    EXPECT_EQ(second.reader.read_some(std::span<char>(&c, 1)).value(), 1u);
    EXPECT_EQ(c, 'b');
  }
  EXPECT_EQ(foreign.load(), 0);
}

RUNTIME_TEST(fd, an_event_for_a_record_that_was_reused_is_dropped) {
  rt::poll_fd* p = rt::open_poll_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), rt::fd_kind::other);
  const std::uint64_t late = rt::tag_of(*p);
  const std::uint32_t first_seen = p->side(rt::direction::read).sequence.load();
  rt::deliver(late, rt::event_read);
  EXPECT_EQ(p->side(rt::direction::read).sequence.load(), first_seen + 1);
  rt::drop_poll_fd(p);
  rt::poll_fd* again =
      rt::open_poll_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), rt::fd_kind::other);
  EXPECT_EQ(again, p);
  const std::uint32_t before = again->side(rt::direction::read).sequence.load();
  rt::deliver(late, rt::event_read | rt::event_gone);
  EXPECT_EQ(again->side(rt::direction::read).sequence.load(), before);
  EXPECT_FALSE(again->gone.load());
  rt::drop_poll_fd(again);
}

RUNTIME_TEST(fd, a_busy_stream_lets_the_others_run) {
  auto [reader, writer] = make_pipe().value();
  std::atomic<bool> ran{false};
  go([&] { ran.store(true); });
  char c = 0;
  // Never would block: without a turn for the others this would be the only goroutine of one
  // worker.
  for (int i = 0; i < 1000 && !ran.load(); ++i) {
    EXPECT_TRUE(writer.write_all("x"));
    EXPECT_TRUE(reader.read_some(std::span<char>(&c, 1)));
  }
  EXPECT_TRUE(ran.load());
}

RUNTIME_TEST(fd, deadlines_race_with_data_and_lose_none) {
  auto [reader, writer] = make_pipe().value();
  wait_group done;
  constexpr int count = 200;
  done.go([&w = writer] {
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(w.write_all("x"));
      yield();
    }
    w.close();
  });
  int got = 0;
  for (;;) {
    reader.set_read_deadline(now() + 20us);
    char c;
    auto n = reader.read_some(std::span<char>(&c, 1));
    if (!n) {
      EXPECT_EQ(n.error(), errc::deadline_exceeded);
      continue;
    }
    if (*n == 0) break;
    ++got;
  }
  EXPECT_EQ(got, count);
  done.wait();
}

}  // namespace
}  // namespace taut::test
