// SPDX-License-Identifier: Apache-2.0
#include "debug/target.h"

#include <algorithm>
#include <utility>

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

int digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_escaped(std::string& to, unsigned char c) {
  constexpr char digits[] = "0123456789ABCDEF";
  to += '%';
  to += digits[c >> 4];
  to += digits[c & 15];
}

}  // namespace

std::optional<std::string> unescaped(std::string_view text, part of) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i] == '+' && of == part::query ? ' ' : text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return {};
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return plain;
}

std::multimap<std::string, std::string> query_pairs(std::string_view query) {
  std::multimap<std::string, std::string> pairs;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty() || pair.find(';') != pair.npos) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = unescaped(pair.substr(0, equals), part::query);
    auto value = unescaped(pair.substr(std::min(equals + 1, pair.size())), part::query);
    if (name && value) pairs.emplace(std::move(*name), std::move(*value));
  }
  return pairs;
}

std::string clean_path(std::string_view path) {
  std::string clean;
  bool folder = true;  // ends with a slash
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    folder = end < path.size();
    path.remove_prefix(std::min(end + 1, path.size()));
    if (segment == "..") {
      clean.resize(std::min(clean.rfind('/'), clean.size()));
    } else if (!segment.empty() && segment != ".") {
      clean.append("/").append(segment);
    }
  }
  if (folder || clean.empty()) clean += '/';
  return clean;
}

std::string url_of(std::string_view path, std::string_view query) {
  std::string url;
  for (const char c : path) {
    // '%': of an escape that is there.
    constexpr std::string_view others = "/%-._~!$&'()*+,;=:@";
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       others.find(c) != others.npos;
    if (plain)
      url += c;
    else
      append_escaped(url, static_cast<unsigned char>(c));
  }
  if (!query.empty()) url += '?';
  for (const char c : query) {
    if (c > 0x20 && c < 0x7f)
      url += c;
    else
      append_escaped(url, static_cast<unsigned char>(c));
  }
  return url;
}

}  // namespace rt
TAUT_END_NAMESPACE
