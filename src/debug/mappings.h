// SPDX-License-Identifier: Apache-2.0
// Which file each executable page comes from, as profiles say it. Made from /proc/self/maps and the
// files' headers in memory: no lock of the loader's is taken.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct code_mapping {
  std::uintptr_t start = 0, limit = 0;
  std::uint64_t offset = 0;
  std::string file;
  std::string build_id;  // in hexadecimal; empty: the file has none
};

// In the order of their addresses.
std::vector<code_mapping> code_mappings();
// The same for text in that form; a build id is looked for in memory only if `in_memory`.
std::vector<code_mapping> parse_maps(std::string_view maps, bool in_memory);

// A whole file of /proc, at most `limit` bytes; empty when it cannot be read.
std::string read_proc(const char* path, std::size_t limit);

}  // namespace rt
TAUT_END_NAMESPACE
