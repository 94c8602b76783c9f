// SPDX-License-Identifier: Apache-2.0
// The system calls of this layer, returning -errno instead of setting errno.
//
// A goroutine may be on another thread after any wait, while compilers keep the address of errno
// across calls. So errno is read in syscall.cc only, inside functions that are never inlined and
// never park. Interrupted calls are repeated.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <system_error>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt::sys {

ssize_t read(int fd, void* into, std::size_t n) noexcept;
ssize_t write(int fd, const void* from, std::size_t n) noexcept;
// write() to a pipe: a reader that is gone is an error, not a SIGPIPE.
ssize_t write_pipe(int fd, const void* from, std::size_t n) noexcept;
ssize_t recv(int fd, void* into, std::size_t n) noexcept;
ssize_t send(int fd, const void* from, std::size_t n) noexcept;
// One call for up to 16 parts.
ssize_t send_parts(int fd, std::span<const std::span<const std::byte>> parts) noexcept;

// New descriptors are non-blocking and close-on-exec.
int accept(int fd) noexcept;
int socket(int family, int type) noexcept;
int socket_pair(int fds[2]) noexcept;
int pipe(int fds[2]) noexcept;
int duplicate(int fd) noexcept;
int event_fd() noexcept;

int bind(int fd, const sockaddr* to, socklen_t length) noexcept;
int connect(int fd, const sockaddr* to, socklen_t length) noexcept;
int listen(int fd, int backlog) noexcept;
int shutdown(int fd, int how) noexcept;
int local_address(int fd, sockaddr* into, socklen_t* length) noexcept;
int peer_address(int fd, sockaddr* into, socklen_t* length) noexcept;
int set_option(int fd, int level, int name, int value) noexcept;
// SO_ERROR: the pending error of a socket as -errno, 0 when none.
int pending_error(int fd) noexcept;

int set_nonblocking(int fd) noexcept;
int set_close_on_exec(int fd) noexcept;
// Whether fd is a pipe or FIFO, and whether it is a socket.
bool is_pipe(int fd) noexcept;
bool is_socket(int fd) noexcept;
// The events of poll(2) that hold now, or -errno.
int poll_now(int fd, int events) noexcept;
int unlink(const char* path) noexcept;
void close(int fd) noexcept;

int epoll_create() noexcept;
int epoll_add(int epoll, int fd, unsigned events, unsigned long data) noexcept;
int epoll_remove(int epoll, int fd) noexcept;

inline std::error_code error_of(ssize_t negative) noexcept {
  return {static_cast<int>(-negative), std::system_category()};
}

}  // namespace rt::sys
TAUT_END_NAMESPACE
