// SPDX-License-Identifier: Apache-2.0
// Time is a property of the scheduler. now() is steady_clock, or virtual time while a test owns the
// clock.
//
// Memory order
//   MO-1  relaxed: a coarse time stamp for diagnosis; nothing is ordered by it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Nanoseconds of CLOCK_MONOTONIC, always real. About 25 ns.
std::int64_t real_now() noexcept;

// Nanoseconds of the scheduler's clock.
std::int64_t now() noexcept;

// Virtual time: starts at the real time and moves only by advance_virtual_time().
void set_virtual_time(bool on) noexcept;
bool virtual_time() noexcept;
void advance_virtual_time(std::int64_t to) noexcept;

// The scheduler's clock as it was some milliseconds ago: one load, for "since when". The watching
// thread refreshes it while goroutines run, and each worker when it wakes. Its lowest byte is 0:
// what is stored with it has room for a few bits more.
inline constexpr std::int64_t coarse_unit = 256;
extern std::atomic<std::int64_t> coarse_time;
inline std::int64_t coarse_now() noexcept {
  return coarse_time.load(std::memory_order_relaxed);  // MO-1
}
inline void refresh_coarse_time(std::int64_t t) noexcept {
  coarse_time.store(t & -coarse_unit, std::memory_order_relaxed);  // MO-1
}

inline std::chrono::steady_clock::time_point to_time_point(std::int64_t ns) noexcept {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns));
}
inline std::int64_t to_ns(std::chrono::steady_clock::time_point t) noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}

}  // namespace rt
TAUT_END_NAMESPACE
