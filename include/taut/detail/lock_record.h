// SPDX-License-Identifier: Apache-2.0
// Who holds a lock, and where it was locked: the first member of mutex, shared_mutex and once, so
// diagnosis finds it at the object that a goroutine waits for.
#pragma once

#include <atomic>
#include <cstdint>

#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

struct lock_record {
  // The owner's number << owner_shift, and bits: the source of each lock. 0: free. A number is a
  // goroutine's id; of a thread that is none: thread_owner and a number.
  std::atomic<std::uint64_t> state{0};
  std::atomic<site> where{};  // of the owner's lock()
  // When `where` is
  //   system_site                 the return address of lock(), then words of the stack: one is the
  //                               address of who called the guard, if the guard was called
  //   system_never_inlined_site   the same, then the next two: std::unique_lock is two calls
  std::atomic<std::uintptr_t> callers[3] = {};
};

inline constexpr int owner_shift = 4;
inline constexpr std::uint64_t thread_owner = std::uint64_t{1} << 58;
// Bit of a once whose function runs: a mutex never has it.
inline constexpr std::uint64_t once_running = 8;

constexpr std::uint64_t state_of(std::uint64_t owner) noexcept { return owner << owner_shift; }
constexpr std::uint64_t owner_of(std::uint64_t state) noexcept { return state >> owner_shift; }

}  // namespace detail
TAUT_END_NAMESPACE
