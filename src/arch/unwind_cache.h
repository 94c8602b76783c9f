// SPDX-License-Identifier: Apache-2.0
// The rule that holds at an address, packed into one word, and a cache of them for every thread.
#pragma once

#include <cstdint>

#include "arch/eh_frame.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// What the frame address is counted from.
enum class cfa_base : std::uint64_t {
  sp,
  fp,
  base,
  none,  // no frame address: cfa_offset 0 means "outermost frame", 1 "the module has no rules"
};

// Offsets of saved registers count words from the frame address, downwards; none_saved: the
// register still holds the caller's value.
struct packed_rule {
  static constexpr std::int64_t unsaved = -2048;

  cfa_base from : 2 = cfa_base::none;
  std::uint64_t load : 1 = 0;    // the frame address is in memory there (over-aligned frames)
  std::uint64_t signal : 1 = 0;  // as frame_row::signal
  std::int64_t cfa_offset : 24 = 0;
  std::int64_t fp : 12 = unsaved;
  std::int64_t base : 12 = unsaved;
  std::int64_t ra : 12 = unsaved;
};
static_assert(sizeof(packed_rule) == 8);

// False: the row does not fit (other expressions, frames of megabytes) and is not worth caching.
bool pack(const frame_row& row, packed_rule& rule) noexcept;

// Any thread, any signal handler; never waits. `key` is never 0.
bool cache_find(std::uint64_t key, packed_rule& rule) noexcept;
void cache_insert(std::uint64_t key, packed_rule rule) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
