// SPDX-License-Identifier: Apache-2.0
// stream: what conn and fd_stream share, a byte stream over a descriptor on which a goroutine waits
// instead of its thread.
//
//   auto n = connection.read_some(buffer);          // at least 1 byte; 0 at the end
//   if (auto w = connection.write_all(answer); !w) return w.error();
//
// Made by dial and listeners (net.h) and make_pipe (io.h).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "taut/detail/chrono.h"
#include "taut/detail/context_fwd.h"
#include "taut/detail/site.h"
#include "taut/export.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

// The runtime's record of one open descriptor (src/io/poll_fd.h).
struct poll_fd;

// Which ends a wait besides its descriptor: the caller's context, or the context that its goroutine
// is bound to.
struct io_limit {
  context_node* context = nullptr;
  bool explicit_context = false;
};
inline io_limit limit_of(const context& ctx) noexcept { return {node_of(ctx), true}; }

// A part of what is written.
using const_part = std::span<const std::byte>;

TAUT_API void close_poll_fd(poll_fd* p) noexcept;

}  // namespace detail

// A stream owns its descriptor: the destructor closes it. Move-only; a default-made one is closed.
// Every function may be called from any goroutine or thread at once, but moving and destroying need
// the object to oneself. Reads are served one at a time, and so are writes: bytes of two
// write_all() calls do not mix.
//
// Errors are plain error codes: errc::closed after close(), errc::deadline_exceeded after a
// deadline, the system's (std::errc::connection_reset, broken_pipe, ...) for the rest. The forms
// without a context end with taut::canceled when the goroutine's bound context ends; those with one
// return errc::canceled or errc::deadline_exceeded. No call raises SIGPIPE.
class stream {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  stream() noexcept = default;
  stream(stream&& other) noexcept : fd_(std::exchange(other.fd_, nullptr)) {}
  stream& operator=(stream&& other) noexcept {
    if (detail::poll_fd* old = std::exchange(fd_, std::exchange(other.fd_, nullptr)))
      detail::close_poll_fd(old);
    return *this;
  }
  ~stream() {
    if (fd_ != nullptr) detail::close_poll_fd(fd_);
  }

  // read_some() blocks until there is something, and returns how many bytes it read: at least 1, or
  // 0 when the peer has finished (and for an empty buffer).
  result<std::size_t> read_some(std::span<std::byte> into,
                                detail::site where = detail::site::here()) {
    return read(into, {}, where);
  }
  result<std::size_t> read_some(std::span<char> into, detail::site where = detail::site::here()) {
    return read(std::as_writable_bytes(into), {}, where);
  }
  result<std::size_t> read_some(const context& ctx, std::span<std::byte> into,
                                detail::site where = detail::site::here()) {
    return read(into, detail::limit_of(ctx), where);
  }
  result<std::size_t> read_some(const context& ctx, std::span<char> into,
                                detail::site where = detail::site::here()) {
    return read(std::as_writable_bytes(into), detail::limit_of(ctx), where);
  }

  // read_full() blocks until the buffer is full. Fewer bytes than its size mean that the peer has
  // finished. After an error, what was read before it is lost.
  result<std::size_t> read_full(std::span<std::byte> into,
                                detail::site where = detail::site::here()) {
    return fill(into, {}, where);
  }
  result<std::size_t> read_full(std::span<char> into, detail::site where = detail::site::here()) {
    return fill(std::as_writable_bytes(into), {}, where);
  }
  result<std::size_t> read_full(const context& ctx, std::span<std::byte> into,
                                detail::site where = detail::site::here()) {
    return fill(into, detail::limit_of(ctx), where);
  }
  result<std::size_t> read_full(const context& ctx, std::span<char> into,
                                detail::site where = detail::site::here()) {
    return fill(std::as_writable_bytes(into), detail::limit_of(ctx), where);
  }

  // write_some() blocks until at least one byte was taken, and returns how many were.
  result<std::size_t> write_some(std::span<const std::byte> from,
                                 detail::site where = detail::site::here()) {
    return write(from, {}, where);
  }
  result<std::size_t> write_some(std::string_view from, detail::site where = detail::site::here()) {
    return write(bytes_of(from), {}, where);
  }
  result<std::size_t> write_some(const context& ctx, std::span<const std::byte> from,
                                 detail::site where = detail::site::here()) {
    return write(from, detail::limit_of(ctx), where);
  }
  result<std::size_t> write_some(const context& ctx, std::string_view from,
                                 detail::site where = detail::site::here()) {
    return write(bytes_of(from), detail::limit_of(ctx), where);
  }

  // As write_some(), gathering the parts, the first 16 of them, into one call.
  result<std::size_t> write_some(std::span<const detail::const_part> parts,
                                 detail::site where = detail::site::here()) {
    return write_parts(parts, {}, where);
  }
  result<std::size_t> write_some(const context& ctx, std::span<const detail::const_part> parts,
                                 detail::site where = detail::site::here()) {
    return write_parts(parts, detail::limit_of(ctx), where);
  }

  // write_all() blocks until everything was taken. After an error it is unknown how much was.
  result<void> write_all(std::span<const std::byte> from,
                         detail::site where = detail::site::here()) {
    return drain(from, {}, where);
  }
  result<void> write_all(std::string_view from, detail::site where = detail::site::here()) {
    return drain(bytes_of(from), {}, where);
  }
  result<void> write_all(const context& ctx, std::span<const std::byte> from,
                         detail::site where = detail::site::here()) {
    return drain(from, detail::limit_of(ctx), where);
  }
  result<void> write_all(const context& ctx, std::string_view from,
                         detail::site where = detail::site::here()) {
    return drain(bytes_of(from), detail::limit_of(ctx), where);
  }

  // set_deadline(t): reads and writes that wait at t or later, those waiting now included, end with
  // errc::deadline_exceeded, until another deadline is set. A time that has passed ends them at
  // once; time_point() means no deadline. By the scheduler's clock: now() + 5s. Not an idle
  // timeout: extend it after each success for that.
  TAUT_API void set_deadline(time_point t) noexcept;
  TAUT_API void set_read_deadline(time_point t) noexcept;
  TAUT_API void set_write_deadline(time_point t) noexcept;

  // close() closes the descriptor. Calls that wait on it end with errc::closed, and so do later
  // ones; a second close() does nothing.
  TAUT_API void close() noexcept;

  // fd() is the descriptor, for calls that taut does not offer; -1 when closed. It is non-blocking.
  // Do not close it.
  TAUT_API int fd() const noexcept;
  // False when default-made or moved from.
  explicit operator bool() const noexcept { return fd_ != nullptr; }

  // For taut's own code.
  explicit stream(detail::poll_fd* adopted) noexcept : fd_(adopted) {}

 protected:
  detail::poll_fd* fd_ = nullptr;

 private:
  static std::span<const std::byte> bytes_of(std::string_view s) noexcept {
    return std::as_bytes(std::span<const char>(s.data(), s.size()));
  }
  TAUT_API result<std::size_t> read(std::span<std::byte> into, detail::io_limit limit,
                                    detail::site where);
  TAUT_API result<std::size_t> fill(std::span<std::byte> into, detail::io_limit limit,
                                    detail::site where);
  TAUT_API result<std::size_t> write(std::span<const std::byte> from, detail::io_limit limit,
                                     detail::site where);
  TAUT_API result<std::size_t> write_parts(std::span<const detail::const_part> parts,
                                           detail::io_limit limit, detail::site where);
  TAUT_API result<void> drain(std::span<const std::byte> from, detail::io_limit limit,
                              detail::site where);
};

TAUT_END_NAMESPACE
