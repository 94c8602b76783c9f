// SPDX-License-Identifier: Apache-2.0
// What every kind of dump is read into: goroutines, and the stacks they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace taut::cli {

struct frame {
  std::string function;  // empty: unknown
  std::string file;      // empty: unknown
  std::uint64_t line = 0;
};

// Innermost frame first.
struct stack {
  std::vector<frame> frames;
  std::size_t elided = 0;     // frames left out by the writer ...
  std::size_t elided_at = 0;  // ... before this one
  bool unavailable = false;   // it ran on another thread
  frame created;              // where the goroutine was started
};

// One goroutine; of a profile, `count` alike.
struct goroutine {
  std::uint64_t id = 0;  // 0: not recorded
  std::uint64_t count = 1;
  std::uint64_t parent = 0;    // 0: not recorded
  std::int64_t waited = -1;    // nanoseconds; -1: not recorded
  std::uint32_t stack = 0;     // index
  bool leaked = false;         // proved by the process itself
  bool locked = false;         // to its thread
  bool guessed_state = false;  // from the stack, for want of a record
  std::string state;           // Go's wait reason or state; empty: unknown
  std::uint32_t object = 0;    // what it waits for: index + 1; 0: not recorded
  std::uint32_t verdict = 0;   // index + 1; 0: none
  std::vector<std::pair<std::string, std::string>> labels;
};

// Why a goroutine can not go on, as the process itself found out.
struct verdict {
  bool proved = false;  // or suspected
  std::string cause;    // "R02"
  std::string explanation;
  std::string fix;
  frame culprit;
};

// A goroutine that kept its worker from others for too long.
struct stall {
  std::uint64_t goroutine = 0;
  bool blocked = false;       // in a call; else it computed
  std::int64_t duration = 0;  // nanoseconds
  std::uint32_t stack = 0;    // index
};

enum class dump_format { text, profile_text, profile, json };

struct dump {
  dump_format format = dump_format::text;
  std::string source;           // as the user named it
  bool truncated = false;       // the end is missing
  bool leak_profile = false;    // lists leaked goroutines and no others
  bool judged = false;          // has verdicts of the process itself, if only that all is well
  bool waits_at_least = false;  // for so long: nobody knows when it was taken
  std::uint64_t existing = 0;   // goroutines there are, when fewer are listed
  std::vector<stack> stacks;
  std::vector<std::string> objects;
  std::vector<verdict> verdicts;
  std::vector<goroutine> goroutines;
  std::vector<stall> stalls;       // oldest first
  std::vector<std::string> notes;  // what a reader must know, sentences

  // How many goroutines, profiles counted out.
  std::uint64_t total() const;
  // The stack's index; equal stacks have one.
  std::uint32_t intern(stack&& s);
  const std::string& object_of(const goroutine& g) const;
  // A wait of its goroutines, for people; nothing when it is not recorded.
  std::string wait_text(std::int64_t nanoseconds) const;

 private:
  std::unordered_map<std::string, std::uint32_t> index_;
  std::size_t held_ = 0;  // bytes, about
};

const char* to_text(dump_format format);

// Whether a function belongs to a language's own library, Go's or ours, and not to the program, by
// its name alone.
bool is_library(const frame& f);
// The place to show for a stack: the innermost frame of the program's own code, or the innermost
// that is not the runtime's. Null for an empty stack.
const frame* blocked_at(const stack& s);
// file:line, or what is known.
std::string place_text(const frame& f);
// The same with no more than the last folder, for tables.
std::string short_place_text(const frame& f);
// Go's wait reason that the innermost frames stand for; empty when they do not say.
std::string state_of(const stack& s);

// States in which a goroutine waits for another one.
bool waits_for_goroutine(std::string_view state);
// States that nothing ends: nil channels and select without a case.
bool waits_for_ever(std::string_view state);

}  // namespace taut::cli
