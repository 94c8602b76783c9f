// SPDX-License-Identifier: Apache-2.0
// TCP and unix-domain sockets. A call that must wait parks its goroutine, never the worker's
// thread.
//
//   auto l = taut::listen("tcp", "127.0.0.1:0").value();
//   while (auto c = l.accept()) taut::go(serve, std::move(*c));
//
//   auto c = taut::dial("tcp", "localhost:8080");
//   if (!c) std::cerr << taut::describe("dial", "tcp", "localhost:8080", c.error());
//
// Networks are "tcp", "tcp4", "tcp6" and "unix"; addresses are "host:port", "[::1]:port", ":port"
// (all interfaces, or this host when dialling), a path, or "@name" for an abstract unix socket.
// Sockets are close-on-exec, keep-alive is on (15 s) and Nagle's delay is off, as in Go.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "taut/detail/chrono.h"
#include "taut/detail/context_fwd.h"
#include "taut/detail/site.h"
#include "taut/export.h"
#include "taut/result.h"
#include "taut/stream.h"

TAUT_BEGIN_NAMESPACE

// conn is one connection: a byte stream (see stream.h for reading, writing, deadlines and
// closing) between two addresses.
class conn : public stream {
 public:
  using stream::stream;

  // close_write() says that nothing more will be sent: the peer reads 0. Reading goes on.
  TAUT_API result<void> close_write();
  // The addresses, as listen and dial take them; empty when closed. A peer's unix address is
  // usually empty.
  TAUT_API std::string local_addr() const;
  TAUT_API std::string remote_addr() const;
  // hung_up() tells whether the peer has closed its side, finished sending or reset, as far as is
  // known now, without reading.
  TAUT_API bool hung_up() const noexcept;
  // wait_hang_up() blocks until then (errc::closed when this side closes first): run it beside a
  // handler to cancel work that nobody waits for. Bytes to read do not end it. A peer that only
  // finished sending counts as gone, as in Go's net/http.
  TAUT_API result<void> wait_hang_up(const context& ctx, detail::site where = detail::site::here());
};

// listener accepts connections. Move-only; its destructor closes it. accept() and close() may be
// called from any goroutine at once.
class listener {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  listener() noexcept = default;
  listener(listener&& other) noexcept
      : fd_(std::exchange(other.fd_, nullptr)), path_(std::exchange(other.path_, {})) {}
  TAUT_API listener& operator=(listener&& other) noexcept;
  TAUT_API ~listener();

  // accept() blocks until there is a connection. A shortage of descriptors or memory is waited out
  // (5 ms, doubling to 1 s, sooner when this library closes one): the connections stay in the
  // backlog. errc::closed after close(). Ends by taut::canceled with the bound context.
  result<conn> accept(detail::site where = detail::site::here()) {
    return accept_within({}, where);
  }
  // As above, but gives up when ctx ends: errc::canceled or errc::deadline_exceeded.
  result<conn> accept(const context& ctx, detail::site where = detail::site::here()) {
    return accept_within(detail::limit_of(ctx), where);
  }
  // As stream::set_deadline, for accept().
  TAUT_API void set_deadline(time_point t) noexcept;
  // close() stops listening and removes a unix socket's file. Waiting accept() calls end with
  // errc::closed.
  TAUT_API void close() noexcept;

  // The address in full, with the port that the system chose; empty when closed.
  TAUT_API std::string addr() const;
  // The TCP port; 0 for a unix socket or when closed.
  TAUT_API int port() const noexcept;
  TAUT_API int fd() const noexcept;
  explicit operator bool() const noexcept { return fd_ != nullptr; }

  // For taut's own code.
  listener(detail::poll_fd* adopted, std::string path) noexcept
      : fd_(adopted), path_(std::move(path)) {}

 private:
  TAUT_API result<conn> accept_within(detail::io_limit limit, detail::site where);
  detail::poll_fd* fd_ = nullptr;
  std::string path_;  // of the unix socket to remove; empty otherwise
};

struct listen_options {
  int backlog = 0;  // connections that may wait for accept(); 0: the most that the system allows
  bool reuse_port =
      false;  // several listeners, also of other processes, share the port (SO_REUSEPORT)
};

// listen() opens a listener. Does not block, except to resolve a name. Port 0 lets the system
// choose: see port().
TAUT_API result<listener> listen(std::string_view network, std::string_view address,
                                 const listen_options& wanted = {});

// dial() connects. Each address that the host resolves to is tried in turn, for 2 s while others
// are left; the first error is returned when all fail.
TAUT_API result<conn> dial(std::string_view network, std::string_view address,
                           detail::site where = detail::site::here());
// As above, but gives up when ctx ends: errc::canceled or errc::deadline_exceeded.
TAUT_API result<conn> dial(const context& ctx, std::string_view network, std::string_view address,
                           detail::site where = detail::site::here());

// resolve() looks a host and a service up, and returns addresses that dial takes. Literal addresses
// are answered at once; names on a thread of their own, so that workers go on. errc::bad_address
// when there is no such name, errc::unavailable when no answer came.
TAUT_API result<std::vector<std::string>> resolve(std::string_view host, std::string_view service,
                                                  detail::site where = detail::site::here());
TAUT_API result<std::vector<std::string>> resolve(const context& ctx, std::string_view host,
                                                  std::string_view service,
                                                  detail::site where = detail::site::here());

// describe() puts an error into a sentence for people, with the address and, where there is a known
// one, the remedy:
//   listen tcp 127.0.0.1:80: Permission denied (ports below 1024 need CAP_NET_BIND_SERVICE; use a
//   higher port)
TAUT_API std::string describe(std::string_view operation, std::string_view network,
                              std::string_view address, std::error_code why);

TAUT_END_NAMESPACE
