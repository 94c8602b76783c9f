// SPDX-License-Identifier: Apache-2.0
#include "debug/request_head.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "debug/target.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) noexcept {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
           others.find(c) != others.npos;
  });
}

bool is_scheme(std::string_view text) noexcept {
  auto letter = [](char c) { return lower(c) >= 'a' && lower(c) <= 'z'; };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

// Takes scheme and authority out of the target of a request to a proxy, as any server must
// understand. The authority is what Go calls the request's host.
bool take_authority(std::string& target, std::string& host) {
  const std::size_t colon = target.find("://");
  if (colon == target.npos || !is_scheme(std::string_view(target).substr(0, colon))) return false;
  const std::size_t from = colon + 3,
                    end = std::min(target.find_first_of("/?", from), target.size());
  host = target.substr(from, end - from);
  host.erase(0, host.rfind('@') + 1);
  target.erase(0, end);
  if (!target.starts_with('/')) target.insert(0, 1, '/');
  return true;
}

// Reads the request line. 0: good.
int check_line(std::string_view line, request_head& found) {
  const std::size_t first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || first == last) return 400;
  const std::string_view method = line.substr(0, first), version = line.substr(last + 1);
  std::string target(line.substr(first + 1, last - first - 1));
  if (!is_token(method) || target.empty() || target.find(' ') != target.npos) return 400;
  if (target.size() > most_target) return 414;
  if (version.size() != 8 || !version.starts_with("HTTP/")) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 505;
  if (target.front() != '/' && !take_authority(target, found.host)) return 400;
  if (!std::ranges::all_of(target, [](unsigned char c) { return c > 0x20 && c != 0x7f; }) ||
      !unescaped(target.substr(0, target.find('?')), part::path))
    return 400;
  found.line.append(method).append(" ").append(target).append(" ").append(version);
  // The library knows no others.
  constexpr std::string_view methods[] = {"GET",     "HEAD",  "POST",  "PUT",    "DELETE",
                                          "CONNECT", "TRACE", "PATCH", "OPTIONS"};
  return std::ranges::find(methods, method) == std::end(methods) ? 501 : 0;
}

}  // namespace

std::size_t size_of_head(std::string_view text, std::size_t from) noexcept {
  for (std::size_t end = from < 2 ? 0 : from - 2; (end = text.find('\n', end)) != text.npos;
       ++end) {
    const std::string_view next = text.substr(end + 1);
    if (next.starts_with('\n')) return end + 2;
    if (next.starts_with("\r\n")) return end + 3;
  }
  return 0;
}

request_head check_head(std::string_view head) {
  request_head found;
  auto refuse = [&](int status) {
    found.status = status;
    return found;
  };
  bool host = false, optional_host = false, sized = false, first = true;
  std::size_t headers = 0;
  while (!head.empty()) {
    const std::size_t end = head.find('\n');
    if (end == head.npos) return refuse(400);
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find('\0') != line.npos || line.find('\r') != line.npos) return refuse(400);
    if (first) {
      first = false;
      if (const int status = check_line(line, found); status != 0) return refuse(status);
      // A 1.1 request must say for which host it is.
      optional_host = line.ends_with("1.0");
      continue;
    }
    if (line.empty()) break;
    if (++headers > most_headers) return refuse(431);
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !is_token(line.substr(0, colon))) return refuse(400);
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (std::ranges::any_of(value, [](unsigned char c) { return c < 0x20 && c != '\t'; }))
      return refuse(400);
    if (same(name, "expect") && !same(value, "100-continue")) return refuse(417);
    if (same(name, "transfer-encoding")) return refuse(same(value, "chunked") ? 411 : 501);
    if (same(name, "host")) {
      if (std::exchange(host, true)) return refuse(400);
      if (found.host.empty()) found.host = value;
    }
    if (same(name, "content-length")) {
      std::size_t length = 0;
      auto [at, error] = std::from_chars(value.data(), value.data() + value.size(), length);
      if (value.empty() || at != value.data() + value.size() ||
          (error != std::errc() && error != std::errc::result_out_of_range))
        return refuse(400);
      if (sized && length != found.content_length) return refuse(400);
      if (error != std::errc() || length > most_body) return refuse(413);
      sized = true;
      found.content_length = length;
    }
    if (same(name, "authorization") && found.authorization.empty()) found.authorization = value;
  }
  if (first || !(host || optional_host)) return refuse(400);
  return found;
}

std::string refusal(int status) {
  std::string words;
  switch (status) {
    case 400:
      words = "Bad Request";
      break;
    case 408:
      words = "Request Timeout";
      break;
    case 411:
      words = "Length Required";
      break;
    case 413:
      words = "Request Entity Too Large";
      break;
    case 414:
      words = "Request URI Too Long";
      break;
    case 417:
      words = "Expectation Failed";
      break;
    case 431:
      words = "Request Header Fields Too Large";
      break;
    case 501:
      words = "Not Implemented";
      break;
    case 505:
      words = "HTTP Version Not Supported";
      break;
    default:
      words = "Internal Server Error";
      break;
  }
  words = std::to_string(status) + ' ' + words;
  return "HTTP/1.1 " + words +
         "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: " +
         std::to_string(words.size()) + "\r\n\r\n" + words;
}

bool is_local_name(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t close = host.find(']');
    if (close == host.npos) return false;
    in6_addr six;
    const std::string address(host.substr(1, std::min(close, host.find('%')) - 1));
    return ::inet_pton(AF_INET6, address.c_str(), &six) == 1;
  }
  const std::string name(host.substr(0, host.rfind(':')));
  in_addr four;
  return same(name, "localhost") || ::inet_pton(AF_INET, name.c_str(), &four) == 1;
}

bool equal_in_constant_time(std::string_view given, std::string_view secret) noexcept {
  unsigned char differs = given.size() == secret.size() ? 0 : 1;
  const std::string_view other = differs == 0 ? secret : given;
  for (std::size_t i = 0; i < given.size(); ++i) {
    differs |= static_cast<unsigned char>(given[i] ^ other[i]);
    asm volatile("" : "+r"(differs));
  }
  return differs == 0;
}

std::string token_of(std::string_view authorization) {
  const std::size_t blank = authorization.find(' ');
  if (blank == authorization.npos) return {};
  const std::string_view scheme = authorization.substr(0, blank);
  const std::string_view rest = trimmed(authorization.substr(blank + 1));
  if (same(scheme, "bearer")) return std::string(rest);
  if (!same(scheme, "basic")) return {};
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string pair;
  std::uint32_t bits = 0;
  int held = 0;
  for (char c : rest) {
    const std::size_t six = alphabet.find(c);
    if (six == alphabet.npos) break;
    bits = bits << 6 | static_cast<std::uint32_t>(six);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    pair += static_cast<char>(bits >> held & 0xff);
  }
  const std::size_t colon = pair.find(':');
  return colon == pair.npos ? std::string() : pair.substr(colon + 1);
}

}  // namespace rt
TAUT_END_NAMESPACE
