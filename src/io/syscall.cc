// SPDX-License-Identifier: Apache-2.0
#include "io/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/annotations.h"

TAUT_BEGIN_NAMESPACE
namespace rt::sys {
namespace {

// The race detector takes what two goroutines do to their worker's errno, one after the other, for
// a race. Not inlined into what it looks at.
__attribute__((no_sanitize("thread"))) inline int last_error() noexcept { return errno; }

// Calls f until it is not interrupted; its result, or -errno.
template <class F>
TAUT_ALWAYS_INLINE auto repeat(F&& f) noexcept -> decltype(f()) {
  for (;;) {
    const auto r = f();
    if (TAUT_LIKELY(r >= 0)) return r;
    const int e = last_error();
    if (e != EINTR) return -e;
  }
}

bool is_kind(int fd, mode_t kind) noexcept {
  struct stat s;
  return ::fstat(fd, &s) == 0 && (s.st_mode & S_IFMT) == kind;
}

}  // namespace

TAUT_NOINLINE ssize_t read(int fd, void* into, std::size_t n) noexcept {
  return repeat([&] { return ::read(fd, into, n); });
}
TAUT_NOINLINE ssize_t write(int fd, const void* from, std::size_t n) noexcept {
  return repeat([&] { return ::write(fd, from, n); });
}

// The signal is sent to the writing thread, so it can be held back and taken there. One that was
// pending before stays.
TAUT_NOINLINE ssize_t write_pipe(int fd, const void* from, std::size_t n) noexcept {
  sigset_t broken, old, pending;
  ::sigemptyset(&broken);
  ::sigaddset(&broken, SIGPIPE);
  ::sigemptyset(&pending);
  ::pthread_sigmask(SIG_BLOCK, &broken, &old);
  ::sigpending(&pending);
  const ssize_t r = repeat([&] { return ::write(fd, from, n); });
  if (r == -EPIPE && ::sigismember(&pending, SIGPIPE) == 0) {
    const timespec none{0, 0};
    repeat([&] { return ::sigtimedwait(&broken, nullptr, &none); });
  }
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return r;
}

TAUT_NOINLINE ssize_t recv(int fd, void* into, std::size_t n) noexcept {
  return repeat([&] { return ::recv(fd, into, n, 0); });
}
TAUT_NOINLINE ssize_t send(int fd, const void* from, std::size_t n) noexcept {
  return repeat([&] { return ::send(fd, from, n, MSG_NOSIGNAL); });
}
TAUT_NOINLINE ssize_t send_parts(int fd,
                                 std::span<const std::span<const std::byte>> parts) noexcept {
  constexpr std::size_t most = 16;
  iovec list[most];
  msghdr message{};
  message.msg_iov = list;
  for (const auto& part : parts.first(std::min(parts.size(), most))) {
    list[message.msg_iovlen++] = {const_cast<std::byte*>(part.data()), part.size()};
  }
  return repeat([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
}

TAUT_NOINLINE int accept(int fd) noexcept {
  return repeat([&] { return ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); });
}
TAUT_NOINLINE int socket(int family, int type) noexcept {
  return repeat([&] { return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); });
}
TAUT_NOINLINE int socket_pair(int fds[2]) noexcept {
  return repeat(
      [&] { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds); });
}
TAUT_NOINLINE int pipe(int fds[2]) noexcept {
  return repeat([&] { return ::pipe2(fds, O_NONBLOCK | O_CLOEXEC); });
}
TAUT_NOINLINE int duplicate(int fd) noexcept {
  return repeat([&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); });
}
TAUT_NOINLINE int event_fd() noexcept {
  return repeat([&] { return ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); });
}

TAUT_NOINLINE int bind(int fd, const sockaddr* to, socklen_t length) noexcept {
  return repeat([&] { return ::bind(fd, to, length); });
}
// Not repeated: an interrupted connect goes on by itself, and shows as writable when it is done.
TAUT_NOINLINE int connect(int fd, const sockaddr* to, socklen_t length) noexcept {
  if (::connect(fd, to, length) == 0) return 0;
  const int e = errno;
  return e == EINTR ? -EINPROGRESS : -e;
}
TAUT_NOINLINE int listen(int fd, int backlog) noexcept {
  return repeat([&] { return ::listen(fd, backlog); });
}
TAUT_NOINLINE int shutdown(int fd, int how) noexcept {
  return repeat([&] { return ::shutdown(fd, how); });
}
TAUT_NOINLINE int local_address(int fd, sockaddr* into, socklen_t* length) noexcept {
  return repeat([&] { return ::getsockname(fd, into, length); });
}
TAUT_NOINLINE int peer_address(int fd, sockaddr* into, socklen_t* length) noexcept {
  return repeat([&] { return ::getpeername(fd, into, length); });
}
TAUT_NOINLINE int set_option(int fd, int level, int name, int value) noexcept {
  return repeat([&] { return ::setsockopt(fd, level, name, &value, sizeof value); });
}
TAUT_NOINLINE int pending_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  const int r = repeat([&] { return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size); });
  return r < 0 ? r : -error;
}

TAUT_NOINLINE int set_nonblocking(int fd) noexcept {
  const int flags = repeat([&] { return ::fcntl(fd, F_GETFL); });
  if (flags < 0 || (flags & O_NONBLOCK) != 0) return flags < 0 ? flags : 0;
  return repeat([&] { return ::fcntl(fd, F_SETFL, flags | O_NONBLOCK); });
}
TAUT_NOINLINE int set_close_on_exec(int fd) noexcept {
  return repeat([&] { return ::fcntl(fd, F_SETFD, FD_CLOEXEC); });
}
TAUT_NOINLINE bool is_pipe(int fd) noexcept { return is_kind(fd, S_IFIFO); }
TAUT_NOINLINE bool is_socket(int fd) noexcept { return is_kind(fd, S_IFSOCK); }
TAUT_NOINLINE int poll_now(int fd, int events) noexcept {
  pollfd p{fd, static_cast<short>(events), 0};
  const int r = repeat([&] { return ::poll(&p, 1, 0); });
  return r < 0 ? r : p.revents;
}
TAUT_NOINLINE int unlink(const char* path) noexcept {
  return repeat([&] { return ::unlink(path); });
}
// Linux closes the descriptor also when the call is interrupted: repeating it could close somebody
// else's.
TAUT_NOINLINE void close(int fd) noexcept { ::close(fd); }

TAUT_NOINLINE int epoll_create() noexcept {
  return repeat([&] { return ::epoll_create1(EPOLL_CLOEXEC); });
}
TAUT_NOINLINE int epoll_add(int epoll, int fd, unsigned events, unsigned long data) noexcept {
  epoll_event e{};
  e.events = events;
  e.data.u64 = data;
  return repeat([&] { return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e); });
}
TAUT_NOINLINE int epoll_remove(int epoll, int fd) noexcept {
  epoll_event none{};
  return repeat([&] { return ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &none); });
}

}  // namespace rt::sys
TAUT_END_NAMESPACE
