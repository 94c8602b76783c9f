// SPDX-License-Identifier: Apache-2.0
// Listening and accepting.
//
// accept() fails for reasons that pass: a connection that its peer gave up (tried again at once),
// and a shortage of descriptors or memory. Then the connection stays in the backlog, and accept()
// pauses, as Go's net/http does, instead of spinning: 5 ms, doubling to 1 s, shorter when this
// library closes a descriptor.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "base/clock.h"
#include "io/address.h"
#include "io/poll_fd.h"
#include "io/socket.h"
#include "io/starved.h"
#include "io/syscall.h"
#include "sched/park.h"
#include "taut/net.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t first_pause = 5'000'000, longest_pause = 1'000'000'000;

bool passes_at_once(int error) noexcept {
  switch (error) {
    // The last ones are errors of the network on the new connection, which Linux passes on here.
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT:
    case ECONNRESET:
      return true;
    default:
      return false;
  }
}

bool is_shortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// A listening socket, or -errno.
int open_listener(const socket_address& at, const listen_options& wanted,
                  bool dual_stack) noexcept {
  const int fd = sys::socket(at.family(), SOCK_STREAM);
  if (fd < 0) return fd;
  int failed = 0;
  if (at.family() != AF_UNIX) {
    failed = sys::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (failed == 0 && wanted.reuse_port) failed = sys::set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (failed == 0 && at.family() == AF_INET6) {
      failed = sys::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual_stack ? 0 : 1);
    }
    // Connections inherit these, which saves each of them the calls.
    set_tcp_defaults(fd);
  }
  if (failed == 0) failed = sys::bind(fd, at.get(), at.length);
  if (failed == 0)
    failed = sys::listen(
        fd, wanted.backlog > 0 ? wanted.backlog : 1 << 16);  // the kernel's limit counts
  if (failed == 0) return fd;
  sys::close(fd);
  return failed;
}

}  // namespace

void set_tcp_defaults(int fd) noexcept {
  constexpr int keep_alive_seconds = 15, keep_alive_probes = 9;
  sys::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  sys::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  sys::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keep_alive_seconds);
  sys::set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keep_alive_seconds);
  sys::set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keep_alive_probes);
}

}  // namespace rt

result<listener> listen(std::string_view network, std::string_view address,
                        const listen_options& wanted) {
  const rt::network n = rt::network_of(network);
  if (n == rt::network::unknown || wanted.backlog < 0)
    return std::make_error_code(std::errc::invalid_argument);
  if (n == rt::network::unix_stream) {
    auto at = rt::unix_address(address);
    if (!at) return at.error();
    const int fd = rt::open_listener(*at, wanted, false);
    if (fd < 0) return rt::sys::error_of(fd);
    rt::poll_fd* p = rt::open_poll_fd(fd, rt::fd_kind::socket);
    std::string path(address.front() == '@' ? std::string_view{} : address);
    if (p == nullptr) {
      if (!path.empty()) rt::sys::unlink(path.c_str());
      return errc::unavailable;
    }
    return listener(p, std::move(path));
  }
  auto parts = rt::split(address);
  if (!parts) return parts.error();
  auto found = rt::look_up(n, parts->host, parts->port, true, {}, {});
  if (!found) return found.error();
  // All interfaces: one IPv6 socket takes both. A name: IPv4 first, as in Go.
  const bool all = parts->host.empty();
  const int preferred = all ? AF_INET6 : AF_INET;
  auto next = found->begin();
  for (auto at = found->begin(); at != found->end(); ++at) {
    if (at->family() == preferred) std::rotate(next++, at, at + 1);
  }
  int failed = -EINVAL;
  for (const rt::socket_address& at : *found) {
    failed = rt::open_listener(at, wanted, all && n == rt::network::tcp);
    if (failed >= 0) break;
    // Only a machine without that family is a reason to go on.
    if (failed != -EAFNOSUPPORT && failed != -EADDRNOTAVAIL) break;
  }
  if (failed < 0) return rt::sys::error_of(failed);
  rt::poll_fd* p = rt::open_poll_fd(failed, rt::fd_kind::tcp);
  if (p == nullptr) return errc::unavailable;
  return listener(p, {});
}

listener& listener::operator=(listener&& other) noexcept {
  if (this == &other) return *this;
  listener old(std::move(*this));
  fd_ = std::exchange(other.fd_, nullptr);
  path_ = std::exchange(other.path_, {});
  return *this;
}

listener::~listener() {
  close();
  if (fd_ != nullptr) detail::close_poll_fd(fd_);
}

void listener::close() noexcept {
  if (fd_ == nullptr) return;
  // The file first: once the socket is closed, another process may have made its own there.
  if (!path_.empty() && !rt::is_closed(*fd_)) rt::sys::unlink(path_.c_str());
  rt::close_fd(*fd_);
}

void listener::set_deadline(time_point t) noexcept {
  if (fd_ != nullptr) rt::set_fd_deadline(*fd_, rt::direction::read, rt::to_ns(t));
}

result<conn> listener::accept_within(detail::io_limit limit, detail::site where) {
  rt::choice_point();
  if (fd_ == nullptr) return errc::closed;
  rt::poll_fd& p = *fd_;
  rt::fd_turn turn(p, rt::direction::read);
  if (std::error_code e = turn.take(limit, where)) return e;
  rt::fd_side& side = p.side(rt::direction::read);
  std::int64_t pause = 0;
  for (;;) {
    if (rt::is_closed(p)) return errc::closed;
    if (rt::past_deadline(side)) return errc::deadline_exceeded;
    const std::uint32_t seen = side.sequence.load();
    const int fd = rt::sys::accept(p.fd);
    if (TAUT_LIKELY(fd >= 0)) {
      detail::poll_fd* accepted = rt::open_poll_fd(fd, p.kind);
      if (accepted == nullptr) return errc::unavailable;
      return conn(accepted);
    }
    std::error_code e;
    if (fd == -EAGAIN) {
      pause = 0;
      e = rt::wait_ready(p, rt::direction::read, seen, limit, where);
    } else if (rt::is_shortage(-fd)) {
      pause = pause == 0 ? rt::first_pause : std::min(2 * pause, rt::longest_pause);
      rt::starved_scope on_list(p);
      e = rt::wait_ready(p, rt::direction::read, seen, limit, where, rt::now() + pause);
    } else if (!rt::passes_at_once(-fd)) {
      e = rt::sys::error_of(fd);
    }
    if (e) return e;
  }
}

std::string listener::addr() const {
  rt::fd_use use(fd_);
  rt::socket_address a;
  if (!use || rt::sys::local_address(fd_->fd, a.get(), &a.length) < 0) return {};
  return rt::to_text(a);
}

int listener::port() const noexcept {
  rt::fd_use use(fd_);
  rt::socket_address a;
  if (!use || rt::sys::local_address(fd_->fd, a.get(), &a.length) < 0) return 0;
  return rt::port_of(a);
}

int listener::fd() const noexcept { return fd_ == nullptr || rt::is_closed(*fd_) ? -1 : fd_->fd; }

TAUT_END_NAMESPACE
