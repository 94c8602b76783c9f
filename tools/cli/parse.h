// SPDX-License-Identifier: Apache-2.0
// Reads every kind of goroutine dump: Go 1.19 to 1.27 and taut, alone or inside a log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cli/model.h"

namespace taut::cli {

// What is beyond these is refused or cut, never allocated.
constexpr std::size_t most_bytes = std::size_t{1} << 30;  // of a source, unpacked
constexpr std::size_t most_goroutines = 4'000'000;        // records
constexpr std::size_t most_frames = 4'096;                // of a stack
constexpr std::size_t most_name = 4'096;                  // bytes of a function or file

// Finds out the format by itself. `source` names the input in messages. Throws user_error for what
// is no goroutine dump.
dump parse_dump(std::string_view bytes, const std::string& source);

// The formats one by one; parse_dump chooses.
// Text as panics, SIGQUIT and debug=2 print it; no goroutines when it holds none.
dump parse_text(std::string_view bytes, const std::string& source);
// debug=1.
bool is_profile_text(std::string_view bytes);
dump parse_profile_text(std::string_view bytes, const std::string& source);
// debug=0, unpacked.
dump parse_profile(std::string_view bytes, const std::string& source);
// debug=3 of taut.
dump parse_json(std::string_view bytes, const std::string& source);

bool is_gzip(std::string_view bytes);
std::string gunzip(std::string_view bytes, const std::string& source);

// Shared by the text formats: "path:123 +0x1d fp=..." into file and line.
void parse_place(std::string_view text, frame& into);
// Takes the next line, without its end, from the front.
std::string_view take_line(std::string_view& rest);

}  // namespace taut::cli
