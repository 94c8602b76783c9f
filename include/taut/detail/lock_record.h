// SPDX-License-Identifier: Apache-2.0
// Who holds a lock, and where it was locked: the first member of mutex, shared_mutex and once, so
// diagnosis finds it at the object that a goroutine waits for.
#pragma once

#include <atomic>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

struct lock_record {
  std::atomic<std::uint64_t> owner{0};  // goroutine id; for a thread that is none: the top bit and
                                        // a number; 0: free
  std::atomic<const char*> file{nullptr};  // of the owner's lock()
  std::atomic<std::uint32_t> line{0};
  std::atomic<std::uint32_t> state{0};  // see the source of each
};

}  // namespace detail
TAUT_END_NAMESPACE
