// SPDX-License-Identifier: Apache-2.0
// Socket addresses and their text forms.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

#include "taut/detail/site.h"
#include "taut/export.h"
#include "taut/result.h"
#include "taut/stream.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct socket_address {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const noexcept { return storage.ss_family; }
};

// What a network's name means.
enum class network { tcp, tcp4, tcp6, unix_stream, unknown };
network network_of(std::string_view name) noexcept;

struct host_port {
  std::string host;
  std::string port;
};
// "host:port", "[::1]:port", ":port".
result<host_port> split(std::string_view address);
// A path, or "@name".
result<socket_address> unix_address(std::string_view path) noexcept;
// As dial and listen take it.
std::string to_text(const socket_address& a);
int port_of(const socket_address& a) noexcept;

// Every address of a host and service. `passive`: an empty host means all interfaces. Literals are
// answered at once, names by a goroutine whose thread may block; the wait for it ends by the limit
// too (throws canceled for the bound context).
result<std::vector<socket_address>> look_up(network n, const std::string& host,
                                            const std::string& service, bool passive,
                                            detail::io_limit limit, detail::site where);

}  // namespace rt
TAUT_END_NAMESPACE
