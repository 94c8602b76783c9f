// SPDX-License-Identifier: Apache-2.0
// The kinds of profiles there are, by name. A new kind is a file that defines a profile_kind and a
// line in kinds.cc; the index page, the endpoints, `seconds=` and taut::debug::profile find it
// there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "arch/unwind.h"
#include "debug/stack_profile.h"
#include "diag/dump.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct profile_kind {
  const char* name;
  const char* description;  // one line of the index page
  // What the index page shows; cheap.
  std::uint64_t (*count)();
  // Takes the profile. `caller`: of the goroutine that asks, null for a thread of the server.
  stack_profile (*collect)(const frame_registers* caller);
  // debug=1, and any higher number that dump does not know. nullptr: the form of profiles that
  // count.
  void (*write_text)(stack_profile& p, text_sink& to);
  // debug=2 and 3, where that is more than debug=1. False: it has no such form. May be null.
  bool (*dump)(int debug, const frame_registers* caller, text_sink& to);
  bool delta;  // `seconds=` makes sense
  // What a sample stands for, where it stands for more than itself: pprof's form has these values.
  stack_profile (*scaled)(const stack_profile& p) = nullptr;
  // A sentence that says why the program has no such profile, and the remedy; nullptr: it has one.
  const char* (*missing)() = nullptr;
};

// Sorted by name.
std::span<const profile_kind* const> profile_kinds();
const profile_kind* find_profile_kind(std::string_view name);

// What GET /debug/pprof/NAME?debug=N answers.
void write_profile(const profile_kind& kind, int debug, const frame_registers* caller,
                   text_sink& to);
void write_collected(const profile_kind& kind, stack_profile& p, int debug, text_sink& to);

extern const profile_kind allocs_kind, block_kind, goroutine_kind, goroutineleak_kind, heap_kind,
    mutex_kind, threadcreate_kind;

}  // namespace rt
TAUT_END_NAMESPACE
