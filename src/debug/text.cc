// SPDX-License-Identifier: Apache-2.0
#include "debug/text.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// Bytes of the UTF-8 sequence at the front; 0: none that is valid. Sets the rune.
std::size_t rune_at(std::string_view text, char32_t& rune) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    rune = first;
    return 1;
  }
  const std::size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < n) return 0;
  rune = first & (0x7fu >> n);
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    rune = rune << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (rune < least[n] || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return 0;
  return n;
}

// Without tables of what has a glyph: controls, separators that look like a blank, and private use
// are escaped.
bool printable(char32_t r) noexcept {
  if (r < 0xa1) return r >= 0x20 && r < 0x7f;
  return r != 0xad && !(r >= 0x2000 && r <= 0x200f) && !(r >= 0x2028 && r <= 0x202f) &&
         !(r >= 0x205f && r <= 0x206f) && r != 0x3000 && r != 0xfeff &&
         !(r >= 0xe000 && r <= 0xf8ff) && (r & 0xfffe) != 0xfffe && r < 0xe0000;
}

std::size_t runes_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

void append_hex(std::string& to, std::uint64_t value) {
  char digits[16];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, 16);
  to += "0x";
  to.append(digits, end);
}

std::string quoted(std::string_view text) {
  std::string to = "\"";
  char escape[16];
  while (!text.empty()) {
    char32_t rune = 0;
    const std::size_t n = rune_at(text, rune);
    constexpr std::string_view special = "\a\b\f\n\r\t\v", letters = "abfnrtv";
    if (n == 0) {
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(text[0]));
      to += escape;
    } else if (rune == '"' || rune == '\\') {
      to += '\\';
      to += text[0];
    } else if (printable(rune)) {
      to += text.substr(0, n);
    } else if (const std::size_t at = rune < 0x80 ? special.find(text[0]) : special.npos;
               at != special.npos) {
      to += '\\';
      to += letters[at];
    } else {
      std::snprintf(escape, sizeof escape,
                    rune < 0x80      ? "\\x%02x"
                    : rune < 0x10000 ? "\\u%04x"
                                     : "\\U%08x",
                    static_cast<unsigned>(rune));
      to += escape;
    }
    text.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return to + '"';
}

std::string escaped_html(std::string_view text) {
  std::string to;
  for (char c : text) {
    switch (c) {
      case '<':
        to += "&lt;";
        break;
      case '>':
        to += "&gt;";
        break;
      case '&':
        to += "&amp;";
        break;
      case '\'':
        to += "&#39;";
        break;
      case '"':
        to += "&#34;";
        break;
      default:
        to += c;
    }
  }
  return to;
}

void tab_columns::add(std::string_view line) {
  auto& cells = lines_.emplace_back();
  for (std::size_t tab; (tab = line.find('\t')) != line.npos; line.remove_prefix(tab + 1))
    cells.emplace_back(line.substr(0, tab));
  cells.emplace_back(line);
}

// Lines [first, last) have the columns whose widths are known; more columns are found in runs.
void tab_columns::lay_out(std::string& to, std::size_t first, std::size_t last,
                          std::vector<std::size_t>& widths) const {
  const std::size_t column = widths.size();
  auto has = [&](std::size_t i) { return i < last && lines_[i].size() > column + 1; };
  for (std::size_t i = first; i < last;) {
    if (has(i)) {
      std::size_t end = i, width = 1;
      for (; has(end); ++end) width = std::max(width, runes_of(lines_[end][column]) + 1);
      widths.push_back((width + 7) / 8 * 8);
      lay_out(to, i, end, widths);
      widths.pop_back();
      i = end;
      continue;
    }
    for (std::size_t c = 0; c < column; ++c) {
      to += lines_[i][c];
      to.append((widths[c] - runes_of(lines_[i][c]) + 7) / 8, '\t');
    }
    to += lines_[i].back();
    to += '\n';
    ++i;
  }
}

std::string tab_columns::take() {
  std::string text;
  std::vector<std::size_t> widths;
  lay_out(text, 0, lines_.size(), widths);
  lines_.clear();
  return text;
}

}  // namespace rt
TAUT_END_NAMESPACE
