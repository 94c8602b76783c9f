// SPDX-License-Identifier: Apache-2.0
// Columns that fit the terminal.
#include "cli/table.h"

#include <algorithm>

#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 8;  // of a column that is shortened

}  // namespace

std::vector<std::size_t> table::widths(std::size_t width, std::size_t rows) const {
  std::vector<std::size_t> w;
  for (const column& c : columns_) w.push_back(columns_of(c.title));
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::max(w[i], columns_of(rows_[r][i]));
  }
  if (width == 0) return w;
  std::size_t all = gap * (w.size() - 1);
  for (const std::size_t each : w) all += each;
  // The widest column gives way first.
  while (all > width) {
    std::size_t widest = w.size();
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (columns_[i].flexible && w[i] > narrowest && (widest == w.size() || w[i] > w[widest]))
        widest = i;
    }
    if (widest == w.size()) break;
    --w[widest];
    --all;
  }
  return w;
}

std::string table::text(std::size_t width, const palette& colours, std::size_t most_rows) const {
  const std::size_t rows = most_rows == 0 ? rows_.size() : std::min(most_rows, rows_.size());
  const auto w = widths(width, rows);
  std::string out;
  const auto add_row = [&](auto&& cell, bool title) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string text = shorten(cell(i), w[i]);
      const std::string space(w[i] - columns_of(text), ' ');
      const bool last = i + 1 == columns_.size();
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
