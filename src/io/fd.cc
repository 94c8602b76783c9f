// SPDX-License-Identifier: Apache-2.0
// wait_fd(), fd_stream and blocking().
//
// wait_fd() watches a duplicate: the descriptor itself may be watched already, by a stream or
// another wait_fd(), and the poller knows each number once.
#include "taut/io.h"

#include <errno.h>
#include <poll.h>

#include <new>

#include "base/clock.h"
#include "io/poll_fd.h"
#include "io/syscall.h"
#include "sched/blocking.h"
#include "sched/park.h"

TAUT_BEGIN_NAMESPACE
namespace {

struct owner {
  rt::poll_fd* p;
  ~owner() { rt::drop_poll_fd(p); }
};

int to_poll(fd_events wanted) noexcept {
  int events = 0;
  if (wanted & fd_events::readable) events |= POLLIN;
  if (wanted & fd_events::writable) events |= POLLOUT;
  if (wanted & fd_events::hung_up) events |= POLLRDHUP;
  return events;
}

// What poll(2) said, in terms of what was asked for: an error or a hang-up makes both directions
// ready.
fd_events from_poll(int found, fd_events wanted) noexcept {
  fd_events events = fd_events::none;
  const bool broken = (found & (POLLHUP | POLLERR)) != 0;
  if ((wanted & fd_events::readable) && (broken || (found & POLLIN) != 0))
    events = events | fd_events::readable;
  if ((wanted & fd_events::writable) && (broken || (found & POLLOUT) != 0))
    events = events | fd_events::writable;
  if (broken || (found & POLLRDHUP) != 0) events = events | fd_events::hung_up;
  return events;
}

result<fd_events> wait_for(int fd, fd_events wanted, std::int64_t deadline, detail::io_limit limit,
                           detail::site where) {
  rt::choice_point();
  const int asked = to_poll(wanted);
  int found = rt::sys::poll_now(fd, asked);
  if (found < 0) return rt::sys::error_of(found);
  if ((found & POLLNVAL) != 0) return std::error_code(EBADF, std::system_category());
  if (found != 0) return from_poll(found, wanted);
  const int copy = rt::sys::duplicate(fd);
  if (copy < 0) return rt::sys::error_of(copy);
  owner own{rt::open_poll_fd(copy, rt::fd_kind::other)};
  if (own.p == nullptr) return errc::unavailable;
  own.p->any_event_reads = true;
  if (deadline != 0) rt::set_fd_deadline(*own.p, rt::direction::read, deadline);
  rt::fd_side& side = own.p->side(rt::direction::read);
  for (;;) {
    const std::uint32_t seen = side.sequence.load();
    found = rt::sys::poll_now(copy, asked);
    if (found < 0) return rt::sys::error_of(found);
    if (found != 0) return from_poll(found, wanted);
    if (rt::past_deadline(side)) return errc::deadline_exceeded;
    if (std::error_code e = rt::wait_ready(*own.p, rt::direction::read, seen, limit, where))
      return e;
  }
}

rt::fd_kind kind_of(int fd) noexcept {
  if (rt::sys::is_socket(fd)) return rt::fd_kind::socket;
  return rt::sys::is_pipe(fd) ? rt::fd_kind::pipe : rt::fd_kind::other;
}

}  // namespace

result<fd_events> wait_fd(int fd, fd_events events, detail::site where) {
  return wait_for(fd, events, 0, {}, where);
}
result<fd_events> wait_fd(const context& ctx, int fd, fd_events events, detail::site where) {
  return wait_for(fd, events, 0, detail::limit_of(ctx), where);
}
result<fd_events> wait_fd_until(std::chrono::steady_clock::time_point deadline, int fd,
                                fd_events events, detail::site where) {
  return wait_for(fd, events, rt::to_ns(deadline), {}, where);
}

result<fd_stream> fd_stream::adopt(int fd) {
  const rt::fd_kind kind = kind_of(fd);
  int failed = rt::sys::set_nonblocking(fd);
  if (failed == 0) failed = rt::sys::set_close_on_exec(fd);
  if (failed < 0) {
    if (failed != -EBADF) rt::sys::close(fd);
    return rt::sys::error_of(failed);
  }
  detail::poll_fd* p = rt::open_poll_fd(fd, kind);
  if (p == nullptr) return errc::unavailable;
  fd_stream s(p);
  // Now, so that a descriptor which cannot be waited for is refused here and not at the first read
  // that would block.
  if (std::error_code e = rt::add_to_poller(*p)) return e;
  return s;
}

result<pipe_ends> make_pipe() {
  int fds[2];
  if (const int failed = rt::sys::pipe(fds); failed < 0) return rt::sys::error_of(failed);
  pipe_ends ends{fd_stream(rt::open_poll_fd(fds[0], rt::fd_kind::pipe)),
                 fd_stream(rt::open_poll_fd(fds[1], rt::fd_kind::pipe))};
  if (!ends.reader || !ends.writer) return errc::unavailable;
  return ends;
}

namespace detail {

static_assert(sizeof(rt::blocking_section) == sizeof(void*));

blocking_scope::blocking_scope() noexcept {
  ::new (static_cast<void*>(memory_)) rt::blocking_section;
}
blocking_scope::~blocking_scope() {
  using section = rt::blocking_section;
  std::launder(reinterpret_cast<section*>(memory_))->~section();
}

}  // namespace detail
TAUT_END_NAMESPACE
