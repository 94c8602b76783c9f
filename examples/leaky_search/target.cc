// SPDX-License-Identifier: Apache-2.0
// The two parts of a request's target. See the header.
#include "target.h"

#include <charconv>
#include <optional>

namespace search {
namespace {

constexpr std::size_t longest_value = 200;

// The value as it was sent; nothing when the name does not occur.
std::optional<std::string_view> raw_parameter(std::string_view target, std::string_view name) {
  const std::size_t mark = target.find('?');
  if (mark == target.npos) return std::nullopt;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == pair.npos ? std::string_view() : pair.substr(equals + 1);
  }
  return std::nullopt;
}

}  // namespace

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

bool has_parameter(std::string_view target, std::string_view name) {
  return raw_parameter(target, name).has_value();
}

std::string parameter(std::string_view target, std::string_view name) {
  const std::string_view raw = raw_parameter(target, name).value_or("");
  std::string value;
  for (std::size_t i = 0; i < raw.size() && value.size() < longest_value; ++i) {
    unsigned char code = 0;
    if (raw[i] == '+') {
      value += ' ';
    } else if (raw[i] == '%' && i + 2 < raw.size() &&
               std::from_chars(&raw[i + 1], &raw[i + 3], code, 16).ptr == &raw[i + 3]) {
      value += static_cast<char>(code);
      i += 2;
    } else {
      value += raw[i];
    }
  }
  return value;
}

}  // namespace search
