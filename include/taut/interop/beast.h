// SPDX-License-Identifier: Apache-2.0
// A taut stream as a SyncStream of Boost.Asio, which is what Boost.Beast reads requests from and
// writes responses to.
//
//   taut::interop::beast_stream stream(connection);         // refers to it, does not own it
//   boost::beast::flat_buffer buffer;
//   boost::beast::http::request<boost::beast::http::string_body> request;
//   boost::beast::http::read(stream, buffer, request, error);
//
// A synchronous call parks its goroutine only. Not part of taut.h: include it where you use Beast
// (1.81 or newer). Errors keep their system code, so they compare with boost::system::errc; the end
// of the stream is boost::asio::error::eof, a passed deadline timed_out, a close or an ended
// context operation_aborted.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cstddef>
#include <optional>
#include <span>

#include "taut/context.h"
#include "taut/export.h"
#include "taut/go.h"
#include "taut/net.h"
#include "taut/result.h"
#include "taut/stream.h"

TAUT_BEGIN_NAMESPACE
namespace interop {

// to_boost() translates an error of taut's.
inline boost::system::error_code to_boost(std::error_code e) noexcept {
  if (e.category() == std::system_category()) return {e.value(), boost::system::system_category()};
  if (e == errc::deadline_exceeded) return boost::asio::error::timed_out;
  if (e == errc::canceled || e == errc::closed) return boost::asio::error::operation_aborted;
  return e;
}

// beast_stream lends a conn or an fd_stream, which must outlive it. With a context, its waits end
// with that.
class beast_stream {
 public:
  explicit beast_stream(taut::stream& s) noexcept : stream_(&s) {}
  beast_stream(taut::stream& s, context ctx) noexcept : stream_(&s), ctx_(std::move(ctx)) {}

  taut::stream& next_layer() noexcept { return *stream_; }

  // read_some() reads into the first buffer that is not empty; 0 for empty buffers.
  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, boost::system::error_code& error) {
    error = {};
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto i = boost::asio::buffer_sequence_begin(buffers); i != end; ++i) {
      const boost::asio::mutable_buffer into(*i);
      if (into.size() == 0) continue;
      const std::span<std::byte> bytes(static_cast<std::byte*>(into.data()), into.size());
      const result<std::size_t> n =
          ctx_ ? stream_->read_some(*ctx_, bytes) : stream_->read_some(bytes);
      if (!n) {
        error = to_boost(n.error());
      } else if (*n == 0) {
        error = boost::asio::error::eof;
      }
      return n.value_or(std::size_t{0});
    }
    return 0;
  }
  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers) {
    boost::system::error_code error;
    const std::size_t n = read_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return n;
  }

  // write_some() gathers up to 16 buffers into one system call.
  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, boost::system::error_code& error) {
    error = {};
    std::array<detail::const_part, 16> parts;
    std::size_t count = 0;
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto i = boost::asio::buffer_sequence_begin(buffers); i != end && count < parts.size();
         ++i) {
      const boost::asio::const_buffer from(*i);
      if (from.size() != 0)
        parts[count++] = {static_cast<const std::byte*>(from.data()), from.size()};
    }
    if (count == 0) return 0;
    const std::span<const detail::const_part> all(parts.data(), count);
    const result<std::size_t> n = ctx_ ? stream_->write_some(*ctx_, all) : stream_->write_some(all);
    if (!n) error = to_boost(n.error());
    return n.value_or(std::size_t{0});
  }
  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers) {
    boost::system::error_code error;
    const std::size_t n = write_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return n;
  }

 private:
  taut::stream* stream_;
  std::optional<context> ctx_;
};

// hang_up_watch cancels `ctx` when the peer of a connection goes away, while it lives: a handler
// bound to that context stops working for nobody.
//
//   auto [ctx, cancel] = taut::with_cancel(server_context);
//   taut::interop::hang_up_watch watch(connection, ctx, cancel);
//
// It starts a goroutine, which its destructor ends and waits for. The connection and the cancel
// must outlive it.
class [[nodiscard]] hang_up_watch {
 public:
  hang_up_watch(conn& c, const context& ctx, cancel& on_hang_up)
      : own_(with_cancel(ctx)), ended_(0) {
    go({.name = "hang-up watch"}, [&c, watched = own_.ctx, &on_hang_up, ended = ended_] {
      if (c.wait_hang_up(watched)) on_hang_up();
      ended.close();
    });
  }
  ~hang_up_watch() {
    own_.cancel();
    const shield not_cancelled;
    ended_.recv();
  }
  hang_up_watch(const hang_up_watch&) = delete;
  hang_up_watch& operator=(const hang_up_watch&) = delete;

 private:
  cancelable own_;
  chan<unit> ended_;
};

}  // namespace interop
TAUT_END_NAMESPACE
