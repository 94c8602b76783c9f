// SPDX-License-Identifier: Apache-2.0
// What the goroutines do, and which of them can never go on.
//
//   taut::leak_report report = taut::find_leaks();
//   if (!report.leaks.empty()) std::fputs(report.to_text().c_str(), stderr);
//
// All functions may be called from any thread and any goroutine at any time; nothing is stopped,
// and no lock of the program is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taut/detail/chrono.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

// stack() is the calling goroutine's stack as text in Go's form; stack(true) is every goroutine's,
// the calling one first.
[[nodiscard]] TAUT_API std::string stack(bool all = false);

// dump() writes what stack(true) returns to a descriptor.
TAUT_API void dump(int fd);

// How sure a verdict is.
enum class leak_grade : std::uint8_t {
  proved,     // it can never run again, whatever the rest of the program does
  suspected,  // everybody known to be able to wake it is stuck too; says in `evidence` what that
              // leaves open
};

// A place in the program.
struct code_place {
  std::string file;  // empty: unknown
  int line = 0;
  std::string function;  // empty: unknown
};

// Goroutines with the same fate: blocked at one place, started at one place, for one cause.
struct leak {
  leak_grade grade = leak_grade::proved;
  std::size_t count = 0;
  std::string waits_for;    // Go's wait reason: "chan send"
  std::string evidence;     // why it cannot wake: "no receiver can exist"
  std::string cause;        // code of docs/reference/diag.md: "R02"
  std::string explanation;  // one sentence that names goroutines and places
  std::string fix;          // one line
  std::string object;       // what it waits for: "channel: cap 0, made at search.cc:36"
  code_place blocked;       // where it waits
  code_place culprit;  // the other place: where the select gave up, the owner locked, the channel
                       // was made, ...
  code_place created;  // where it was started
  std::chrono::nanoseconds longest{};     // the longest wait
  std::size_t memory = 0;                 // bytes of stack touched, estimated for large groups
  std::vector<std::uint64_t> goroutines;  // ids, at most 16
};

struct leak_report {
  std::vector<leak> leaks;                // largest group first, proved before suspected
  std::size_t goroutines = 0;             // that exist
  std::size_t proved = 0, suspected = 0;  // of them
  double seconds = 0;                     // it took to find out

  // to_text() is the report for a terminal, at most 100 columns wide.
  TAUT_API std::string to_text() const;
  TAUT_API std::string to_json() const;
};

struct leak_options {
  // A goroutine that has waited less than this is not looked at.
  std::chrono::nanoseconds min_age = std::chrono::seconds(1);
  // As min_age, for suspicions about wait groups, conditions and semaphores, of which any code with
  // a pointer may be the waker.
  std::chrono::nanoseconds min_age_of_shared = std::chrono::seconds(10);
  bool include_suspected = true;
};

// find_leaks() looks twice, a moment apart, and reports goroutines that were stuck both times.
// Takes some milliseconds for a thousand goroutines; the first call reads the program's debug
// information too. Throws std::bad_alloc without memory for the report.
[[nodiscard]] TAUT_API leak_report find_leaks(const leak_options& wanted = {});

// What diagnosis says, under one name; diag::profile is in taut/debug.h.
namespace diag {

using taut::dump;
using taut::find_leaks;
using taut::stack;

enum class goroutine_state : std::uint8_t {
  running,   // a worker runs it
  runnable,  // it could run, and waits for a worker
  waiting,   // for what wait_reason says
  blocking,  // inside blocking()
};

struct awaited_object {
  // "channel", "context", "mutex", "shared_mutex", "wait_group", "scope", "condition" or
  // "semaphore".
  std::string_view kind;
  const void* address = nullptr;  // to tell objects apart; nullptr: a null channel
  bool sends = false;             // to a channel; else it receives
};

struct goroutine {
  std::uint64_t id = 0;      // as dumps have it
  std::uint64_t parent = 0;  // who started it; 0: no goroutine
  // One of the program's own threads, which waits in one of taut's operations.
  bool is_thread = false;
  goroutine_state state = goroutine_state::running;
  // Of one that waits, else empty.
  std::string_view wait_reason;                             // Go's: "chan send"
  std::chrono::nanoseconds waited{};                        // since the wait began
  code_place blocked;                                       // where it waits
  std::vector<awaited_object> waits_for;                    // several: a select's; none: sleep, I/O
  std::string name;                                         // of go_options; empty: none
  std::vector<std::pair<std::string, std::string>> labels;  // key and value, by key
  code_place created;                                       // where it was started
};

// snapshot() returns what every goroutine does, by id, the calling one included; the texts that are
// views live for ever. Nothing is stopped, so each is told as it was at some moment of the call.
// Does not block; takes as long as stack(true), and the first call reads the program's debug
// information. Throws std::bad_alloc without memory for all of them.
[[nodiscard]] TAUT_API std::vector<goroutine> snapshot();

}  // namespace diag

TAUT_END_NAMESPACE
