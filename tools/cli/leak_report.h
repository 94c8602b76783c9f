// SPDX-License-Identifier: Apache-2.0
// Leaks as one report, whoever found them: taut's own detector, Go's collector, or a look at a
// dump.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/model.h"
#include "cli/source.h"

namespace taut::cli {

struct leak_group {
  bool proved = false;
  std::uint64_t count = 0;
  std::string waits_for;    // "chan send"
  std::string evidence;     // why it cannot go on, or what the suspicion assumes
  std::string cause;        // "R02"; empty: not known
  std::string explanation;  // one sentence; empty: not known
  std::string fix;
  std::string object;  // "channel: cap 0, made at search.cc:36"
  frame blocked, culprit, created;
  std::int64_t longest = -1;              // nanoseconds; -1: not recorded
  std::uint64_t memory = 0;               // bytes; 0: not known
  std::vector<std::uint64_t> goroutines;  // ids, some
};

struct leak_list {
  std::vector<leak_group> groups;  // proved before suspected, largest first
  std::uint64_t goroutines = 0;    // looked at
  std::uint64_t proved = 0, suspected = 0;
  double seconds = -1;             // the search took; -1: not known
  bool waits_at_least = false;     // see dump
  std::string not_judged;          // why nobody could prove anything; empty: somebody did
  std::vector<std::string> notes;  // sentences

  void sort_and_count();
};

struct leak_limits {
  std::int64_t min_wait = 60'000'000'000;  // shorter waits are not suspected
  std::uint64_t more_than = 50;            // goroutines at one place that are suspected
};

// Whether bytes are what taut::leak_report::to_json() writes.
bool is_leak_report(std::string_view bytes);
leak_list parse_leak_report(std::string_view bytes, const std::string& source);

// What a dump proves and what it lets one suspect.
leak_list judge(const leak_answer& answer, const leak_limits& limits);

// For a terminal `width` columns wide (0: no limit), and for programs.
std::string leaks_text(const leak_list& list, std::size_t width);
std::string leaks_json(const leak_list& list, const std::string& source);

}  // namespace taut::cli
