// SPDX-License-Identifier: Apache-2.0
// Reading and writing: the system call first, a wait when it has nothing.
//
// A read of a TCP socket that returned less than it was asked for has emptied the socket, and
// whatever comes later raises an event. So the next read waits at once and saves a system call that
// would say EAGAIN, unless the sequence moved on, the peer hung up (that raises no further event),
// or urgent data was announced (a read stops there although there is more).
#include <errno.h>

#include "base/clock.h"
#include "io/poll_fd.h"
#include "io/syscall.h"
#include "sched/park.h"
#include "taut/go.h"
#include "taut/stream.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

using rt::direction;
using rt::fd_kind;
using rt::fd_side;

namespace {

// A goroutine whose descriptor is always ready must not keep its worker for ever: the others get a
// turn now and then.
constexpr std::uint32_t longest_streak = 64;

void count_operation(fd_side& side) noexcept {
  if (TAUT_LIKELY(++side.streak < longest_streak)) return;
  side.streak = 0;
  yield();
}

std::error_code wait(poll_fd& p, fd_side& side, direction d, std::uint32_t seen, io_limit limit,
                     site where) {
  side.streak = 0;
  return rt::wait_ready(p, d, seen, limit, where);
}

// What forbids to begin, or to go on.
std::error_code refused(const poll_fd& p, const fd_side& side) noexcept {
  if (rt::is_closed(p)) return errc::closed;
  if (rt::past_deadline(side)) return errc::deadline_exceeded;
  return {};
}

// With the turn.
result<std::size_t> read_once(poll_fd& p, std::span<std::byte> into, io_limit limit, site where) {
  fd_side& side = p.side(direction::read);
  for (;;) {
    if (std::error_code e = refused(p, side)) return e;
    const std::uint32_t seen = side.sequence.load();
    if (!(side.drained && side.drained_at == seen) || p.gone.load() || p.urgent.load()) {
      const ssize_t n = p.kind <= fd_kind::socket ? rt::sys::recv(p.fd, into.data(), into.size())
                                                  : rt::sys::read(p.fd, into.data(), into.size());
      if (TAUT_LIKELY(n >= 0)) {
        side.drained = p.kind == fd_kind::tcp && n > 0 && static_cast<std::size_t>(n) < into.size();
        side.drained_at = seen;
        count_operation(side);
        return static_cast<std::size_t>(n);
      }
      if (n != -EAGAIN) return rt::sys::error_of(n);
    }
    side.drained = false;
    if (std::error_code e = wait(p, side, direction::read, seen, limit, where)) return e;
  }
}

// With the turn. call() tries to write and returns a count or -errno.
template <class Call>
result<std::size_t> write_once(poll_fd& p, io_limit limit, site where, Call&& call) {
  fd_side& side = p.side(direction::write);
  for (;;) {
    if (std::error_code e = refused(p, side)) return e;
    const std::uint32_t seen = side.sequence.load();
    const ssize_t n = call();
    if (TAUT_LIKELY(n >= 0)) {
      count_operation(side);
      return static_cast<std::size_t>(n);
    }
    if (n != -EAGAIN) return rt::sys::error_of(n);
    if (std::error_code e = wait(p, side, direction::write, seen, limit, where)) return e;
  }
}

result<std::size_t> write_once(poll_fd& p, std::span<const std::byte> from, io_limit limit,
                               site where) {
  return write_once(p, limit, where, [&]() noexcept {
    if (p.kind <= fd_kind::socket) return rt::sys::send(p.fd, from.data(), from.size());
    return p.kind == fd_kind::pipe ? rt::sys::write_pipe(p.fd, from.data(), from.size())
                                   : rt::sys::write(p.fd, from.data(), from.size());
  });
}

}  // namespace

void close_poll_fd(poll_fd* p) noexcept { rt::drop_poll_fd(p); }

}  // namespace detail

using namespace detail;

result<std::size_t> stream::read(std::span<std::byte> into, io_limit limit, site where) {
  rt::choice_point();
  if (fd_ == nullptr) return errc::closed;
  rt::fd_turn turn(*fd_, direction::read);
  if (std::error_code e = turn.take(limit, where)) return e;
  if (into.empty()) return std::size_t{0};
  return read_once(*fd_, into, limit, where);
}

result<std::size_t> stream::fill(std::span<std::byte> into, io_limit limit, site where) {
  rt::choice_point();
  if (fd_ == nullptr) return errc::closed;
  rt::fd_turn turn(*fd_, direction::read);
  if (std::error_code e = turn.take(limit, where)) return e;
  std::size_t have = 0;
  while (have < into.size()) {
    result<std::size_t> n = read_once(*fd_, into.subspan(have), limit, where);
    if (!n) return n;
    if (*n == 0) break;
    have += *n;
  }
  return have;
}

result<std::size_t> stream::write(std::span<const std::byte> from, io_limit limit, site where) {
  rt::choice_point();
  if (fd_ == nullptr) return errc::closed;
  rt::fd_turn turn(*fd_, direction::write);
  if (std::error_code e = turn.take(limit, where)) return e;
  if (from.empty()) return std::size_t{0};
  return write_once(*fd_, from, limit, where);
}

result<std::size_t> stream::write_parts(std::span<const const_part> parts, io_limit limit,
                                        site where) {
  rt::choice_point();
  if (fd_ == nullptr) return errc::closed;
  rt::fd_turn turn(*fd_, direction::write);
  if (std::error_code e = turn.take(limit, where)) return e;
  poll_fd& p = *fd_;
  if (p.kind > fd_kind::socket) {
    for (const_part part : parts) {
      if (!part.empty()) return write_once(p, part, limit, where);
    }
    return std::size_t{0};
  }
  return write_once(p, limit, where, [&]() noexcept { return rt::sys::send_parts(p.fd, parts); });
}

result<void> stream::drain(std::span<const std::byte> from, io_limit limit, site where) {
  rt::choice_point();
  if (fd_ == nullptr) return errc::closed;
  rt::fd_turn turn(*fd_, direction::write);
  if (std::error_code e = turn.take(limit, where)) return e;
  while (!from.empty()) {
    result<std::size_t> n = write_once(*fd_, from, limit, where);
    if (!n) return n.error();
    from = from.subspan(*n);
  }
  return {};
}

void stream::set_deadline(time_point t) noexcept {
  set_read_deadline(t);
  set_write_deadline(t);
}
void stream::set_read_deadline(time_point t) noexcept {
  if (fd_ != nullptr) rt::set_fd_deadline(*fd_, direction::read, rt::to_ns(t));
}
void stream::set_write_deadline(time_point t) noexcept {
  if (fd_ != nullptr) rt::set_fd_deadline(*fd_, direction::write, rt::to_ns(t));
}

void stream::close() noexcept {
  if (fd_ != nullptr) rt::close_fd(*fd_);
}

int stream::fd() const noexcept { return fd_ == nullptr || rt::is_closed(*fd_) ? -1 : fd_->fd; }

TAUT_END_NAMESPACE
