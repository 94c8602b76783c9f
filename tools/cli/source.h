// SPDX-License-Identifier: Apache-2.0
// Where goroutines are read from. A SOURCE on the command line is, in this order: `-`, a file of
// that name, a number (a process), anything else a URL. Each kind is one class behind this
// interface; the verbs know no more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cli/model.h"

namespace taut::cli {

struct source_options {
  std::int64_t timeout = 30'000'000'000;  // nanoseconds without an answer
  std::string token;                      // for "Authorization: Bearer"
  bool insecure = false;                  // take any certificate
};

// How much a dump tells and costs the process.
enum class detail {
  full,   // states, waiting times, who started whom: Go stops the world while it writes this
  cheap,  // places and counts
};

// What is known about leaks: a report of taut's, or a dump to judge.
struct leak_answer {
  std::string report;  // JSON of taut::leak_report; empty: see `goroutines`
  dump goroutines;
  bool asked_collector = false;  // the dump marks what Go's collector proved
  std::string note;              // why nobody judged, and what would help
};

class source {
 public:
  virtual ~source() = default;
  virtual dump read(detail wanted) = 0;
  // What read(full) parses, as it came.
  virtual std::string read_raw() = 0;
  virtual leak_answer read_leaks() = 0;
  // Whether reading again may show something else.
  virtual bool live() const = 0;
  virtual const std::string& name() const = 0;
};

// Throws user_error when there is no such source.
std::unique_ptr<source> open_source(const std::string& argument, const source_options& options);

// The kinds; open_source chooses.
std::unique_ptr<source> open_file(const std::string& path);
std::unique_ptr<source> open_url(const std::string& url, const source_options& options);
// A process's memory and core files are read by means of taut's debug table.
std::unique_ptr<source> open_process(std::uint64_t pid);
std::unique_ptr<source> open_core(const std::string& path);

// Shared by sources that have bytes: a saved leak report, or a dump.
leak_answer leaks_from_bytes(const std::string& bytes, const std::string& name);

}  // namespace taut::cli
