// SPDX-License-Identifier: Apache-2.0
// Connecting: each address in turn.
#include <errno.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/clock.h"
#include "io/address.h"
#include "io/poll_fd.h"
#include "io/socket.h"
#include "io/syscall.h"
#include "sched/context_waits.h"
#include "sched/park.h"
#include "taut/net.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// How long a unix listener with a full backlog is asked again. (It raises no event when there is
// room.)
constexpr std::int64_t backlog_pause = 1'000'000, longest_backlog_pause = 50'000'000;
constexpr std::int64_t backlog_patience = 30'000'000'000;
// How long an address may keep silent while others are left to try.
constexpr std::int64_t silent_limit = 2'000'000'000;

// Linux connects a socket to itself when the port that it chose happens to be the one dialled.
bool connected_to_itself(int fd) noexcept {
  socket_address mine, theirs;
  if (sys::local_address(fd, mine.get(), &mine.length) < 0 ||
      sys::peer_address(fd, theirs.get(), &theirs.length) < 0) {
    return false;
  }
  return port_of(mine) == port_of(theirs) && to_text(mine) == to_text(theirs);
}

// Waits until the connection is made or has failed.
std::error_code await_connected(poll_fd& p, std::int64_t give_up, io_limit limit, site where) {
  fd_side& side = p.side(direction::write);
  std::uint32_t seen = 0;
  for (;;) {
    if (std::error_code e = wait_ready(p, direction::write, seen, limit, where, give_up)) return e;
    seen = side.sequence.load();
    if (const int failed = sys::pending_error(p.fd); failed < 0) return sys::error_of(failed);
    socket_address peer;
    if (sys::peer_address(p.fd, peer.get(), &peer.length) == 0) return {};
    if (give_up != 0 && now() >= give_up) return std::make_error_code(std::errc::timed_out);
  }
}

result<conn> connect_to(const socket_address& to, bool others_left, io_limit limit, site where) {
  const bool tcp = to.family() != AF_UNIX;
  const std::int64_t began = now();
  std::int64_t pause = backlog_pause;
  for (int itself = 0;;) {
    const int fd = sys::socket(to.family(), SOCK_STREAM);
    if (fd < 0) return sys::error_of(fd);
    if (tcp) set_tcp_defaults(fd);
    poll_fd* p = open_poll_fd(fd, tcp ? fd_kind::tcp : fd_kind::socket);
    if (p == nullptr) return errc::unavailable;
    conn c(p);
    const int r = sys::connect(fd, to.get(), to.length);
    if (r == -EAGAIN && !tcp && now() - began < backlog_patience) {
      fd_side& side = p->side(direction::read);
      const std::int64_t again = now() + pause;
      pause = std::min(2 * pause, longest_backlog_pause);
      while (now() < again) {
        if (std::error_code e =
                wait_ready(*p, direction::read, side.sequence.load(), limit, where, again))
          return e;
      }
      continue;
    }
    if (r < 0 && r != -EINPROGRESS) return sys::error_of(r);
    if (r == -EINPROGRESS) {
      if (std::error_code e =
              await_connected(*p, others_left ? began + silent_limit : 0, limit, where))
        return e;
    }
    if (tcp && ++itself < 3 && connected_to_itself(fd)) continue;
    return c;
  }
}

result<conn> dial_within(std::string_view network, std::string_view address, io_limit limit,
                         site where) {
  choice_point();
  const rt::network n = network_of(network);
  if (n == rt::network::unknown) return std::make_error_code(std::errc::invalid_argument);
  if (limit.explicit_context) {
    if (std::error_code e = context_error(limit.context)) return e;
  }
  if (n == rt::network::unix_stream) {
    auto to = unix_address(address);
    if (!to) return to.error();
    return connect_to(*to, false, limit, where);
  }
  auto parts = split(address);
  if (!parts) return parts.error();
  auto found = look_up(n, parts->host, parts->port, false, limit, where);
  if (!found) return found.error();
  std::error_code first_error = errc::bad_address;
  for (std::size_t i = 0; i < found->size(); ++i) {
    result<conn> c = connect_to((*found)[i], i + 1 < found->size(), limit, where);
    if (c) return c;
    if (i == 0) first_error = c.error();
    if (c.error() == errc::canceled || c.error() == errc::deadline_exceeded) return c;
  }
  return first_error;
}

}  // namespace
}  // namespace rt

result<conn> dial(std::string_view network, std::string_view address, detail::site where) {
  return rt::dial_within(network, address, {}, where);
}
result<conn> dial(const context& ctx, std::string_view network, std::string_view address,
                  detail::site where) {
  return rt::dial_within(network, address, detail::limit_of(ctx), where);
}

TAUT_END_NAMESPACE
