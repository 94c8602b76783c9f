// SPDX-License-Identifier: Apache-2.0
// Pieces of text as Go writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// "0x" and lower-case digits.
void append_hex(std::string& to, std::uint64_t value);

// In double quotes, as Go's %q: printable runes stand for themselves.
std::string quoted(std::string_view text);

std::string escaped_html(std::string_view text);

// Lines of cells that a tab ends, brought into columns by more tabs: a column is as wide as its
// widest cell in a run of lines that have it, and one more, rounded up to eight. What follows a
// line's last tab belongs to no column.
class tab_columns {
 public:
  // One line without its newline.
  void add(std::string_view line);
  // The lines so far, aligned.
  std::string take();

 private:
  void lay_out(std::string& to, std::size_t first, std::size_t last,
               std::vector<std::size_t>& widths) const;
  std::vector<std::vector<std::string>> lines_;
};

}  // namespace rt
TAUT_END_NAMESPACE
