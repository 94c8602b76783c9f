// SPDX-License-Identifier: Apache-2.0
// Names for a profile or a JSON dump that has only addresses, as a service with TAUT_SYMBOLIZE=0
// writes it: from the files that it says were mapped, where they are here and the same.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/model.h"

namespace taut::cli {

struct profile_mapping {
  std::uint64_t low = 0, high = 0, offset = 0;
  std::string file, build_id;  // the latter in hexadecimal; empty: not known
};

class profile_names {
 public:
  explicit profile_names(std::vector<profile_mapping> mappings);
  ~profile_names();
  profile_names(const profile_names&) = delete;
  profile_names& operator=(const profile_names&) = delete;

  // Of the call at this address, innermost first, never none; app+0x1234 where there is no file.
  void name(std::uint64_t address, std::vector<frame>& to);
  // Whether some calls got no name.
  bool incomplete() const { return incomplete_; }

 private:
  struct files;
  std::vector<profile_mapping> mappings_;
  std::unique_ptr<files> files_;  // opened when the first name is asked for
  bool incomplete_ = false;
};

// The note for one that is incomplete.
inline constexpr const char* names_missing =
    "the service did not name its functions (TAUT_SYMBOLIZE=0), and not all files that it ran are "
    "here, as they were and with symbols.";

// Whether a function is a module and an offset in it: app+0x1234.
bool is_unnamed(const frame& f);

}  // namespace taut::cli
