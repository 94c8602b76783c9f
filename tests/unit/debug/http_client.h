// SPDX-License-Identifier: Apache-2.0
// A client as blunt as the tests need: any bytes out, all bytes in. For plain threads.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace taut::test {

inline int connect_to(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Hours under load are still less than a test that hangs.
  const timeval limit = {60, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd);
    throw std::runtime_error("cannot connect to " + address);
  }
  return fd;
}

// Sends what the server takes, says that it is all if `all`, and reads to the end.
inline std::string exchange_bytes(const std::string& address, std::string_view bytes, bool all) {
  const int fd = connect_to(address);
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (all) ::shutdown(fd, SHUT_WR);
  std::string answer;
  char some[16384];
  for (ssize_t n; (n = ::recv(fd, some, sizeof some, 0)) > 0;)
    answer.append(some, static_cast<std::size_t>(n));
  ::close(fd);
  return answer;
}

struct http_answer {
  int status = 0;
  std::string head, body;

  // The header's value; empty when it is not there.
  std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == head.npos) return {};
    const std::size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

inline std::string joined_chunks(std::string_view body) {
  std::string text;
  for (;;) {
    const std::size_t line = body.find("\r\n");
    if (line == body.npos) throw std::runtime_error("the last chunk is missing");
    const std::size_t size = std::stoul(std::string(body.substr(0, line)), nullptr, 16);
    if (size == 0) return text;
    text += body.substr(line + 2, size);
    body.remove_prefix(line + 2 + size + 2);
  }
}

inline http_answer parsed(const std::string& bytes) {
  http_answer a;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == bytes.npos || !bytes.starts_with("HTTP/1.1 ")) return a;
  a.status = std::stoi(bytes.substr(9, 3));
  a.head = bytes.substr(0, end + 2);
  a.body = bytes.substr(end + 4);
  if (a.header("Transfer-Encoding") == "chunked") a.body = joined_chunks(a.body);
  return a;
}

// `more`: further header lines, each with its end.
inline http_answer ask(const std::string& address, const std::string& target,
                       const std::string& more = {}, const std::string& method = "GET",
                       const std::string& body = {}) {
  std::string head = method + " " + target + " HTTP/1.1\r\n";
  if (more.find("Host:") == more.npos) head += "Host: " + address + "\r\n";
  if (!body.empty()) head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return parsed(exchange_bytes(address, head + more + "\r\n" + body, false));
}

}  // namespace taut::test
