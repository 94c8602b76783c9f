// SPDX-License-Identifier: Apache-2.0
// Numbers, durations and names as people read and write them.
#include "cli/text.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace taut::cli {
namespace {

constexpr std::int64_t second = 1'000'000'000;

// How many bytes the UTF-8 sequence at `at` has; 0 when it is broken.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  std::size_t length = 0;
  if (first < 0x80) {
    length = 1;
  } else if (first >= 0xc2 && first < 0xe0) {
    length = 2;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3;
  } else if (first >= 0xf0 && first < 0xf5) {
    length = 4;
  }
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = at + 1; i < at + length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string hexadecimal(std::uint64_t n) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
  return text;
}

std::string change_text(std::int64_t n) {
  return n == 0 ? "0" : (n > 0 ? "+" : "-") + grouped(static_cast<std::uint64_t>(std::llabs(n)));
}

std::string duration_text(std::int64_t nanoseconds) {
  nanoseconds = std::max<std::int64_t>(nanoseconds, 0);
  const std::int64_t seconds = nanoseconds / second;
  if (seconds < 1) return std::to_string(nanoseconds / 1'000'000) + "ms";
  std::string text;
  if (seconds >= 3600) text += std::to_string(seconds / 3600) + "h";
  if (seconds >= 60) text += std::to_string(seconds / 60 % 60) + "m";
  return text + std::to_string(seconds % 60) + "s";
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  if (const auto bare = parse_number(text)) {
    if (*bare > 1'000'000'000) return std::nullopt;
    return static_cast<std::int64_t>(*bare) * second;
  }
  std::int64_t total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_number(text.substr(0, digits));
    if (!number || *number > 1'000'000'000) return std::nullopt;
    text.remove_prefix(digits);
    const std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
    const std::string_view unit = text.substr(0, letters);
    text.remove_prefix(letters);
    const auto n = static_cast<std::int64_t>(*number);
    std::int64_t factor = 0;
    if (unit == "ms") {
      factor = second / 1000;
    } else if (unit == "s") {
      factor = second;
    } else if (unit == "m") {
      factor = 60 * second;
    } else if (unit == "h") {
      factor = 3600 * second;
    }
    // At most a century.
    if (factor == 0 || n > 876'000LL * 3600 * second / factor) return std::nullopt;
    total += n * factor;
    if (total > 876'000LL * 3600 * second) return std::nullopt;
  }
  return total;
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string shorten(std::string_view text, std::size_t columns) {
  const std::size_t all = columns_of(text);
  if (all <= columns) return std::string(text);
  if (columns < 2) return columns == 0 ? "" : "\u2026";
  // The end holds the file, the line, the function: it gets the bigger half.
  const std::size_t head = (columns - 1) / 3, tail = columns - 1 - head;
  const auto byte_of = [&](std::size_t column) {
    std::size_t i = 0;
    for (std::size_t seen = 0; i < text.size(); ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
      if (seen++ == column) break;
    }
    return i;
  };
  return std::string(text.substr(0, byte_of(head))) + "\u2026" +
         std::string(text.substr(byte_of(all - tail)));
}

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text, i);
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are controls too.
    const bool control =
        c < 0x20 || c == 0x7f ||
        (length == 2 && c == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0);
    if (length == 0 || control) {
      clean += '?';
      i += std::max<std::size_t>(length, 1);
      continue;
    }
    clean += text.substr(i, length);
    i += length;
  }
  return clean;
}

std::string nearest(std::string_view word, const std::vector<std::string>& choices) {
  std::string best;
  std::size_t least = std::max<std::size_t>(word.size() / 2, 2) + 1;
  if (word.size() > 64) return best;
  for (const std::string& choice : choices) {
    if (const std::size_t d = distance(word, choice); d < least) {
      least = d;
      best = choice;
    }
  }
  return best;
}

bool starts_with_digits(std::string_view text) {
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

}  // namespace taut::cli
