// SPDX-License-Identifier: Apache-2.0
// Growth by blocked place between two dumps, also of different kinds: a saved one and a process's
// memory, a crash and its core. Kinds differ in how much of a path and of a name they show, so a
// place is a file and a line. Goroutines without a stack are told apart by what they wait for and
// where they were started.
//
// A steady program wobbles by a tenth; what grows by more than that, and by more than a handful,
// has grown. The default handful is ten.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/groups.h"
#include "cli/model.h"
#include "cli/terminal.h"

namespace taut::cli {

struct diff_limits {
  double wobble = 0.10;           // part of the first count
  std::uint64_t min_growth = 10;  // goroutines
};

struct place_change {
  std::string state;
  frame blocked;
  std::uint64_t before = 0, after = 0;
  bool grown = false;
  std::int64_t change() const {
    return static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before);
  }
};

struct dump_diff {
  std::uint64_t before = 0, after = 0;
  std::vector<place_change> places;  // grown first, largest change first; unchanged ones last
  std::size_t grown = 0;             // places
  std::uint64_t growth = 0;          // goroutines at them
  std::vector<std::string> notes;
};

bool has_grown(std::uint64_t before, std::uint64_t after, const diff_limits& limits);
dump_diff compare(const dump& before, const dump& after, const diff_limits& limits,
                  const filter& only = {});

std::string diff_text(const dump_diff& diff, const diff_limits& limits, const look& how);
std::string diff_json(const dump_diff& diff, const diff_limits& limits, const std::string& before,
                      const std::string& after);

}  // namespace taut::cli
