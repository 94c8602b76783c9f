// SPDX-License-Identifier: Apache-2.0
// Columns that fit the terminal: wide names are shortened in the middle, numbers never. Where names
// would become unreadable, the columns that tell least are left out.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/terminal.h"

namespace taut::cli {

struct column {
  std::string title;
  bool right = false;     // numbers
  bool flexible = false;  // may be shortened
  int spare = 0;          // left out where there is no room, the highest first; 0: never
};

class table {
 public:
  explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::size_t rows() const { return rows_.size(); }
  // With a line of titles; at most `most_rows` rows (0: all).
  std::string text(std::size_t width, const palette& colours, std::size_t most_rows = 0) const;

 private:
  // As wide as what is in them.
  std::vector<std::size_t> natural_widths(std::size_t rows) const;
  // Those for which there is room.
  std::vector<std::size_t> shown(std::size_t width, const std::vector<std::size_t>& natural) const;

  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace taut::cli
