// SPDX-License-Identifier: Apache-2.0
// Columns that fit the terminal.
#include "cli/table.h"

#include <algorithm>

#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 8;  // of a column that is shortened
constexpr std::size_t readable = 18;  // what a name needs, before other columns go

}  // namespace

std::vector<std::size_t> table::natural_widths(std::size_t rows) const {
  std::vector<std::size_t> w;
  for (const column& c : columns_) w.push_back(columns_of(c.title));
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::max(w[i], columns_of(rows_[r][i]));
  }
  return w;
}

std::vector<std::size_t> table::shown(std::size_t width,
                                      const std::vector<std::size_t>& natural) const {
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < columns_.size(); ++i) kept.push_back(i);
  if (width == 0) return kept;
  while (true) {
    std::size_t needed = gap * (kept.size() - 1);
    auto least = kept.begin();
    for (auto at = kept.begin(); at != kept.end(); ++at) {
      needed += columns_[*at].flexible ? std::min(natural[*at], readable) : natural[*at];
      if (columns_[*at].spare > columns_[*least].spare) least = at;
    }
    if (needed <= width || columns_[*least].spare == 0) return kept;
    kept.erase(least);
  }
}

std::string table::text(std::size_t width, const palette& colours, std::size_t most_rows) const {
  const std::size_t rows = most_rows == 0 ? rows_.size() : std::min(most_rows, rows_.size());
  auto w = natural_widths(rows);
  const auto kept = shown(width, w);
  std::size_t all = gap * (kept.size() - 1);
  for (const std::size_t i : kept) all += w[i];
  // The widest column gives way first.
  while (width != 0 && all > width) {
    auto widest = kept.end();
    for (auto at = kept.begin(); at != kept.end(); ++at) {
      if (columns_[*at].flexible && w[*at] > narrowest &&
          (widest == kept.end() || w[*at] > w[*widest]))
        widest = at;
    }
    if (widest == kept.end()) break;
    --w[*widest];
    --all;
  }
  std::string out;
  const auto add_row = [&](auto&& cell, bool title) {
    std::string line;
    for (const std::size_t i : kept) {
      const std::string text = shorten(cell(i), w[i]);
      const std::string space(w[i] - columns_of(text), ' ');
      const bool last = i == kept.back();
      line += columns_[i].right ? space + text : text + (last ? "" : space);
      if (!last) line.append(gap, ' ');
    }
    if (width != 0 && columns_of(line) > width) line = shorten(line, width);
    out += (title ? colours.bold(line) : line) + "\n";
  };
  add_row([&](std::size_t i) { return columns_[i].title; }, true);
  for (std::size_t r = 0; r < rows; ++r) add_row([&](std::size_t i) { return rows_[r][i]; }, false);
  return out;
}

}  // namespace taut::cli
