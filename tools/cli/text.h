// SPDX-License-Identifier: Apache-2.0
// Numbers, durations and names as people read and write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace taut::cli {

// 12,345
std::string grouped(std::uint64_t n);
// 0x7f03
std::string hexadecimal(std::uint64_t n);
// +12,345, -3, 0
std::string change_text(std::int64_t n);
// 250ms, 42s, 3m5s, 2h10m0s
std::string duration_text(std::int64_t nanoseconds);
// Reads 250ms, 30s, 5m, 1h30m, and a bare number as seconds.
std::optional<std::int64_t> parse_duration(std::string_view text);

// Columns a terminal uses for valid UTF-8, one for each code point.
std::size_t columns_of(std::string_view text);
// At most `columns` wide: what does not fit is cut out of the middle, for a path's ends tell most.
std::string shorten(std::string_view text, std::size_t columns);
// Without control characters and broken UTF-8, so that no dump can steer the terminal.
std::string printable(std::string_view text);

// The choice that the fewest edits turn `word` into; empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& choices);

bool starts_with_digits(std::string_view text);
// The whole text as a decimal number without sign.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace taut::cli
