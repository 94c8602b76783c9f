// SPDX-License-Identifier: Apache-2.0
// What the command can do. Each verb returns the exit code and throws user_error for bad input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/diff.h"
#include "cli/groups.h"
#include "cli/leak_report.h"
#include "cli/source.h"
#include "cli/terminal.h"

namespace taut::cli {

enum exit_code { nothing_found = 0, found = 1, bad_input = 2, not_judged = 3 };

struct arguments {
  std::string verb;
  std::vector<std::string> sources;
  source_options reading;
  bool timeout_given = false;
  look how;
  filter only;
  order sorted = order::count;
  bool raw = false;                    // dump
  bool once = false;                   // top
  bool by_growth = false;              // top
  std::int64_t every = 1'000'000'000;  // top, nanoseconds
  diff_limits growth;                  // diff
  std::int64_t after = -1;             // diff, nanoseconds; -1: two sources
  leak_limits suspicion;               // leaks
  bool suspected_fails = false;        // leaks
};

int dump_verb(const arguments& a);
int goroutines_verb(const arguments& a);
int top_verb(const arguments& a);
int diff_verb(const arguments& a);
int leaks_verb(const arguments& a);

// Reads the command line. Does what it says at once for help and the like: then `done`.
struct command_line {
  arguments given;
  bool done = false;
  int status = 0;
};
command_line parse_arguments(int argc, char** argv);

}  // namespace taut::cli
