// SPDX-License-Identifier: Apache-2.0
// Which allocations are remembered, and the lock over what is remembered.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heap/samples.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Readers' part of it may be used at any time; never allocates, never waits.
const heap_samples& the_heap_samples() noexcept;

// Bytes until the next sample: exponentially distributed with the mean `rate`, at least 1, for
// rates above 1. `random`: any state but 0.
std::uint64_t sample_gap(std::uint64_t rate, std::uint64_t& random) noexcept;

// Whether an allocation of n bytes is sampled when `left`, fewer than n, were left; sets what is
// left after it.
bool decide_sample(taut_heap_thread& t, std::uint64_t left, std::uint64_t n,
                   std::uint64_t rate) noexcept;

// What this thread allocates is not sampled as long as it lives. For code that neither parks nor
// hands on to other goroutines: a profile that is written at rate 1 would sample mostly itself.
class unsampled {
 public:
  unsampled() noexcept;
  ~unsampled();
  unsampled(const unsampled&) = delete;
  unsampled& operator=(const unsampled&) = delete;

 private:
  taut_heap_thread* t_;
  bool was_busy_ = false;
};

}  // namespace rt
TAUT_END_NAMESPACE
