// SPDX-License-Identifier: Apache-2.0
// A profile as pprof reads it: profile.proto, gzip'd. And as its text form: debug=1.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "debug/stack_profile.h"
#include "diag/dump.h"
#include "diag/frames.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

std::string to_proto(const stack_profile& p, frame_namer& names);
void write_gzip(const std::string& bytes, text_sink& to);

// Without the functions at the leaf that only allocate; all if nothing else is there.
std::span<const std::uintptr_t> without_allocator(std::span<const std::uintptr_t> frames,
                                                  frame_namer& names);

// "NAME profile: total N" and a record per sample. For profiles that count.
void write_counts(const stack_profile& p, frame_namer& names, text_sink& to);
// Without the innermost frames that are the runtime's own, unless nothing were left.
std::span<const std::uintptr_t> without_hidden_leaf(std::span<const std::uintptr_t> frames,
                                                    frame_namer& names);
// The "#" lines of one stack, and the blank line after them.
std::string stack_lines(std::span<const std::uintptr_t> frames, frame_namer& names);

// debug=0 or 1 of a profile that counts; sorts it.
void write_count_profile(stack_profile& p, int debug, text_sink& to);

}  // namespace rt
TAUT_END_NAMESPACE
