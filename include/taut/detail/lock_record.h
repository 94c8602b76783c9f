// SPDX-License-Identifier: Apache-2.0
// Who holds a lock, and where it was locked: the first member of mutex, shared_mutex and once, so
// diagnosis finds it at the object that a goroutine waits for.
#pragma once

#include <atomic>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

// line of a record whose lock() a header of the system called: file is a return address then.
inline constexpr std::uint32_t called_by_system = ~std::uint32_t{0};

// state of a once whose function runs, possibly with other bits: a mutex never has it.
inline constexpr std::uint32_t once_running = 0x100;

struct lock_record {
  std::atomic<std::uint64_t> owner{0};  // goroutine id; for a thread that is none: the top bit and
                                        // a number; 0: free
  std::atomic<const char*> file{nullptr};  // of the owner's lock(); or as called_by_system says
  std::atomic<std::uint32_t> line{0};
  std::atomic<std::uint32_t> state{0};  // see the source of each
  // Return addresses: of the owner's lock(), and of who called it.  std::scoped_lock may be a call
  // of its own, and std::unique_lock two; the outermost address known is in `file`.
  std::atomic<std::uintptr_t> callers[2] = {};
};

}  // namespace detail
TAUT_END_NAMESPACE
