// SPDX-License-Identifier: Apache-2.0
// Where goroutines lose time to each other: the samples of the profiles block and mutex.
//
// Both are off unless the program asks. Cost while off: none for a park, which looks at one byte of
// its goroutine for threads too; a lock that somebody waits for looks at a flag, once on each side.
// Locks that nobody waits for, and everything that does not park, do not know of it. Cost of a
// sample: about 20 ns a frame, and two atomic additions.
//
// Memory order
//   MO-1  relaxed: a rate; whoever sees a change late only samples by the old one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/annotations.h"
#include "base/recording.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

enum class contention : std::uint8_t {
  block,   // it waited: a channel, a select, a lock, a condition, a wait group, ...
  holder,  // it unlocked what others waited for
  waiter,  // it got a lock that it had waited for
};

extern std::atomic<std::int64_t> block_profile_rate;       // nanoseconds blocked per sample; 0: off
extern std::atomic<std::uint32_t> mutex_profile_fraction;  // one event of so many; 0: off

TAUT_ALWAYS_INLINE bool blocks_are_profiled() noexcept {
  return records && TAUT_UNLIKELY(block_profile_rate.load(std::memory_order_relaxed) != 0);  // MO-1
}
TAUT_ALWAYS_INLINE bool mutexes_are_profiled() noexcept {
  return records &&
         TAUT_UNLIKELY(mutex_profile_fraction.load(std::memory_order_relaxed) != 0);  // MO-1
}

// Turns them on and off. False: no memory for the samples.
bool set_block_rate(std::int64_t nanoseconds) noexcept;
bool set_mutex_fraction(std::uint32_t n) noexcept;

// The caller was blocked for so long. Waits below the rate are sampled by their length, and weigh
// so that sums stay right.
TAUT_COLD void note_blocked(std::int64_t nanoseconds) noexcept;
// `events` of a lock together took others, or the caller, so long.
TAUT_COLD void note_mutex(contention kind, std::int64_t nanoseconds, std::uint64_t events) noexcept;

// What is known of one place.
struct contention_place {
  contention kind;
  std::span<const std::uintptr_t> frames;  // leaf first, the runtime's own among them
  std::int64_t count;                      // estimated from the samples
  std::int64_t nanoseconds;
};

// f(const contention_place&) for each, in no order.
void for_each_contention(void (*f)(void* argument, const contention_place& p), void* argument);
template <class F>
void for_each_contention(F&& f) {
  for_each_contention(
      [](void* argument, const contention_place& p) { (*static_cast<F*>(argument))(p); }, &f);
}
// How many places of the profile block (true) or mutex there are.
std::size_t contention_places(bool block) noexcept;
// Events that found no room in the table.
std::uint64_t contentions_lost() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
