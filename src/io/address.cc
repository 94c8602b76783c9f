// SPDX-License-Identifier: Apache-2.0
#include "io/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

TAUT_BEGIN_NAMESPACE
namespace rt {

network network_of(std::string_view name) noexcept {
  if (name == "tcp") return network::tcp;
  if (name == "tcp4") return network::tcp4;
  if (name == "tcp6") return network::tcp6;
  return name == "unix" ? network::unix_stream : network::unknown;
}

result<host_port> split(std::string_view address) {
  host_port parts;
  std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return errc::bad_address;
  std::string_view host = address.substr(0, colon);
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return errc::bad_address;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return errc::bad_address;  // an IPv6 address needs brackets
  }
  parts.host = host;
  parts.port = address.substr(colon + 1);
  return parts;
}

result<socket_address> unix_address(std::string_view path) noexcept {
  socket_address a;
  auto* un = reinterpret_cast<sockaddr_un*>(&a.storage);
  un->sun_family = AF_UNIX;
  const bool abstract = !path.empty() && path.front() == '@';
  // A file's path ends with a zero byte, which must fit too.
  if (path.empty() || path.size() + (abstract ? 0 : 1) > sizeof un->sun_path)
    return errc::bad_address;
  std::memcpy(un->sun_path, path.data(), path.size());
  if (abstract) un->sun_path[0] = '\0';
  a.length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return a;
}

std::string to_text(const socket_address& a) {
  char text[INET6_ADDRSTRLEN] = "";
  if (a.family() == AF_INET) {
    auto* in = reinterpret_cast<const sockaddr_in*>(&a.storage);
    ::inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    return std::string(text) + ':' + std::to_string(port_of(a));
  }
  if (a.family() == AF_INET6) {
    auto* in = reinterpret_cast<const sockaddr_in6*>(&a.storage);
    ::inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
    std::string host = text;
    char zone[IF_NAMESIZE];
    if (in->sin6_scope_id != 0 && ::if_indextoname(in->sin6_scope_id, zone) != nullptr) {
      host += '%';
      host += zone;
    }
    return '[' + host + "]:" + std::to_string(port_of(a));
  }
  if (a.family() == AF_UNIX) {
    auto* un = reinterpret_cast<const sockaddr_un*>(&a.storage);
    if (a.length <= offsetof(sockaddr_un, sun_path)) return {};
    std::string path(un->sun_path, a.length - offsetof(sockaddr_un, sun_path));
    if (path.front() == '\0') {
      path.front() = '@';
      return path;
    }
    return path.c_str();
  }
  return {};
}

int port_of(const socket_address& a) noexcept {
  if (a.family() == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(&a.storage)->sin_port);
  if (a.family() == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&a.storage)->sin6_port);
  return 0;
}

}  // namespace rt
TAUT_END_NAMESPACE
