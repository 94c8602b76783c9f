// SPDX-License-Identifier: Apache-2.0
// Addresses of debug servers.
#include "cli/url.h"

#include <algorithm>

#include "cli/error.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::string_view folder = "/debug/pprof";

[[noreturn]] void bad(std::string_view text, const std::string& what) {
  throw user_error("the URL " + printable(text.substr(0, 200)) + " " + what +
                   "; write it as http://host:port.");
}

// %41 in a user name or password.
std::string unescaped(std::string_view text) {
  std::string out;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void parse_authority(std::string_view all, std::string_view authority, url& into) {
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
    const std::string_view user = authority.substr(0, at);
    const std::size_t colon = user.find(':');
    into.user = unescaped(user.substr(0, colon));
    if (colon != user.npos) into.password = unescaped(user.substr(colon + 1));
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with("[")) {
    const std::size_t end = authority.find(']');
    if (end == authority.npos) bad(all, "has a '[' without a ']'");
    into.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (!port.empty() && port[0] != ':') bad(all, "has something between ']' and the port");
    if (!port.empty()) port.remove_prefix(1);
  } else {
    const std::size_t colon = authority.rfind(':');
    into.host = authority.substr(0, colon);
    if (colon != authority.npos) {
      port = authority.substr(colon + 1);
      if (port.empty()) bad(all, "has no port after the ':'");
    }
  }
  // ":6060" is how Go programs name an address of their own.
  if (into.host.empty()) into.host = "localhost";
  if (into.host.find_first_of(" \t/\\:") != into.host.npos && !authority.starts_with("["))
    bad(all, "names no host");
  into.port = into.secure ? 443 : 80;
  if (!port.empty()) {
    const auto n = parse_number(port);
    if (!n || *n == 0 || *n > 65535) bad(all, "has a port that is no number from 1 to 65535");
    into.port = static_cast<int>(*n);
  }
}

}  // namespace

std::string url::origin() const {
  const std::string name = host.find(':') == host.npos ? host : "[" + host + "]";
  return std::string(secure ? "https://" : "http://") + name + ":" + std::to_string(port);
}

std::string url::target(std::string_view profile, std::string_view wanted) const {
  if (exact) return query.empty() ? path : path + "?" + query;
  std::string text = path + std::string(profile);
  if (!wanted.empty()) text += "?" + std::string(wanted);
  return text;
}

url parse_url(std::string_view text) {
  const std::string_view all = text;
  url u;
  if (const std::size_t at = text.find("://"); at != text.npos) {
    const std::string_view scheme = text.substr(0, at);
    if (scheme == "https") {
      u.secure = true;
    } else if (scheme != "http") {
      bad(all, "is neither http nor https");
    }
    text.remove_prefix(at + 3);
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) bad(all, "has a blank in it");
  }
  text = text.substr(0, text.find('#'));
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  parse_authority(all, text.substr(0, end), u);
  text.remove_prefix(end);
  const std::size_t question = text.find('?');
  u.path = text.substr(0, question);
  if (question != text.npos) u.query = text.substr(question + 1);

  if (u.path.empty()) u.path = "/";
  if (u.path == "/" && u.query.empty()) {
    u.path = std::string(folder) + "/";
    return u;
  }
  if (u.path.ends_with(folder)) u.path += '/';
  if (u.query.empty()) {
    for (const std::string_view profile : {"/goroutine", "/goroutineleak"}) {
      if (!u.path.ends_with(std::string(folder) + std::string(profile))) continue;
      u.path.resize(u.path.size() - profile.size() + 1);
    }
  }
  u.exact = !u.path.ends_with('/') || !u.query.empty();
  return u;
}

}  // namespace taut::cli
