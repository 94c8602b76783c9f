// SPDX-License-Identifier: Apache-2.0
// The heap profile's sampling: which part of all allocations is remembered with its stack.
//
// Nothing is sampled unless the program links taut::heap (CMake) or -ltaut-heap (before -ltaut),
// which puts a counter in front of malloc() and its relatives. The profiles are
// /debug/pprof/heap and /debug/pprof/allocs, or taut::debug::profile("heap").
//
//   int main() {
//     taut::heap::set_sample_rate(64 << 10);  // before anything worth seeing is allocated
//
// All functions may be called from any thread at any time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace heap {

// False: the program does not link taut::heap, and its heap profiles do not exist.
TAUT_API bool sampling() noexcept;

// One allocation is remembered for so many bytes allocated, on average. 524,288 at the start.
TAUT_API std::size_t sample_rate() noexcept;

// 1 remembers every allocation, 0 none. A thread heeds it after at most 64 KiB of allocations, the
// calling one at once. Profiles are scaled by the rate that holds when they are taken: set it once,
// early.
TAUT_API void set_sample_rate(std::size_t bytes) noexcept;

// Samples that could not be kept as they are, because the tables are full: 256 MiB at most are used
// for them. Of those in `without_stack` the stack is unknown, those in `without_block` count as
// allocated, but not as in use.
struct losses {
  std::uint64_t without_stack, without_block;
};
TAUT_API losses lost() noexcept;

}  // namespace heap
TAUT_END_NAMESPACE
