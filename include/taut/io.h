// SPDX-License-Identifier: Apache-2.0
// Waiting for any pollable descriptor, byte streams over pipes and devices, and blocking() for
// every call that knows no descriptor.
//
//   taut::wait_fd(inotify, taut::fd_events::readable).value();
//   auto [reader, writer] = taut::make_pipe().value();
//   auto rows = taut::blocking([&] { return database.query(q); });
//
// For sockets see net.h.
#pragma once

#include <type_traits>
#include <utility>

#include "taut/detail/chrono.h"
#include "taut/detail/context_fwd.h"
#include "taut/detail/site.h"
#include "taut/export.h"
#include "taut/result.h"
#include "taut/stream.h"

TAUT_BEGIN_NAMESPACE

// What a descriptor can be ready for. Bits: combine them by |, test them by &.
enum class fd_events : unsigned char {
  none = 0,
  readable = 1,  // a read would not block: bytes, the end, or an error
  writable = 2,  // a write would not block
  hung_up =
      4,  // the peer has closed, finished sending or failed; reported whether asked for or not
};
constexpr fd_events operator|(fd_events a, fd_events b) noexcept {
  return static_cast<fd_events>(static_cast<unsigned char>(a) | static_cast<unsigned char>(b));
}
constexpr bool operator&(fd_events a, fd_events b) noexcept {
  return (static_cast<unsigned char>(a) & static_cast<unsigned char>(b)) != 0;
}

// wait_fd() blocks until at least one of the events holds, and returns those that do. The
// descriptor stays the caller's, may be of any kind that poll(2) takes, and keeps its flags; it
// must stay open meanwhile. Any number of goroutines may wait for one descriptor. A regular file is
// always ready. Ended by the goroutine's bound context (throws canceled).
TAUT_API result<fd_events> wait_fd(int fd, fd_events events,
                                   detail::site where = detail::site::here());
// As above, but gives up when ctx ends: errc::canceled or errc::deadline_exceeded.
TAUT_API result<fd_events> wait_fd(const context& ctx, int fd, fd_events events,
                                   detail::site where = detail::site::here());
// As above, but gives up at the deadline: errc::deadline_exceeded. time_point() is none.
TAUT_API result<fd_events> wait_fd_until(std::chrono::steady_clock::time_point deadline, int fd,
                                         fd_events events,
                                         detail::site where = detail::site::here());

// fd_stream reads and writes a descriptor that is no socket: a pipe, a FIFO, an eventfd, a
// terminal, a device. See stream.h for what it can do.
class fd_stream : public stream {
 public:
  using stream::stream;

  // adopt() takes the descriptor over, makes it non-blocking (which holds for every process that
  // shares the open file) and close-on-exec. It is closed also when this fails:
  // std::errc::operation_not_permitted for a regular file, which is read by blocking(),
  // errc::unavailable without memory.
  TAUT_API static result<fd_stream> adopt(int fd);
};

// The two ends of a pipe: what is written to the one is read from the other.
struct pipe_ends {
  fd_stream reader;
  fd_stream writer;
};
TAUT_API result<pipe_ends> make_pipe();

namespace detail {
// Tells the runtime that the calling goroutine holds up its thread.
class blocking_scope {
 public:
  TAUT_API blocking_scope() noexcept;
  TAUT_API ~blocking_scope();
  blocking_scope(const blocking_scope&) = delete;
  blocking_scope& operator=(const blocking_scope&) = delete;

 private:
  alignas(void*) unsigned char memory_[sizeof(void*)];
};
}  // namespace detail

// blocking(f) calls f, which may block its thread: a database driver, getaddrinfo, a file. Returns
// what f returns, or throws what it throws. Other goroutines go on meanwhile on another thread, but
// for those that must stay on this one (pinned, or with the address of a thread-local on their
// stacks): they wait until f returns. Costs about a microsecond. f runs on this goroutine's stack,
// and must not wait by means of taut.
template <class F>
auto blocking(F&& f) -> std::invoke_result_t<F&&> {
  detail::blocking_scope scope;
  return std::forward<F>(f)();
}

TAUT_END_NAMESPACE
