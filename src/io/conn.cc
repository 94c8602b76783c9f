// SPDX-License-Identifier: Apache-2.0
// What a connection can do besides reading and writing.
#include <poll.h>

#include "io/address.h"
#include "io/poll_fd.h"
#include "io/syscall.h"
#include "taut/net.h"

TAUT_BEGIN_NAMESPACE

result<void> conn::close_write() {
  rt::fd_use use(fd_);
  if (!use) return errc::closed;
  const int r = rt::sys::shutdown(fd_->fd, SHUT_WR);
  if (r < 0) return rt::sys::error_of(r);
  return {};
}

std::string conn::local_addr() const {
  rt::fd_use use(fd_);
  rt::socket_address a;
  if (!use || rt::sys::local_address(fd_->fd, a.get(), &a.length) < 0) return {};
  return rt::to_text(a);
}

std::string conn::remote_addr() const {
  rt::fd_use use(fd_);
  rt::socket_address a;
  if (!use || rt::sys::peer_address(fd_->fd, a.get(), &a.length) < 0) return {};
  return rt::to_text(a);
}

bool conn::hung_up() const noexcept {
  rt::fd_use use(fd_);
  return !use || rt::sys::poll_now(fd_->fd, POLLRDHUP) != 0;
}

result<void> conn::wait_hang_up(const context& ctx, detail::site where) {
  rt::fd_use use(fd_);
  if (!use) return errc::closed;
  rt::fd_side& side = fd_->side(rt::direction::hang_up);
  for (;;) {
    if (rt::is_closed(*fd_)) return errc::closed;
    const std::uint32_t seen = side.sequence.load();
    if (fd_->gone.load()) return {};
    if (std::error_code e =
            rt::wait_ready(*fd_, rt::direction::hang_up, seen, detail::limit_of(ctx), where)) {
      return e;
    }
  }
}

TAUT_END_NAMESPACE
