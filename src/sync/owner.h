// SPDX-License-Identifier: Apache-2.0
// Who holds a lock, as a number: a goroutine's id, or for a thread that the runtime did not make
// its stand-in's slot. Never 0.
//
// Memory order
//   MO-1  relaxed: an id is constant while its goroutine lives, and the caller is that goroutine.
//   MO-2  relaxed: the caller's own thread wrote it, or somebody look_closer, which may be seen a
//         little later.
#pragma once

#include <cstdint>

#include "base/annotations.h"
#include "sched/current.h"
#include "sched/goroutine.h"
#include "sched/park.h"
#include "sched/worker.h"
#include "taut/detail/lock_record.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

using detail::thread_owner;

inline std::uint64_t owner_id(const goroutine* g) noexcept {
  return TAUT_UNLIKELY(g->is_thread) ? thread_owner | (g->slot + std::uint64_t{1})
                                     : g->id.load(std::memory_order_relaxed);  // MO-1
}

// The state of a lock that the caller takes, or look_closer.
TAUT_ALWAYS_INLINE std::uint64_t state_of_caller() noexcept {
#if defined(TAUT_TSAN)  // a worker's fields are not for instrumented code
  return look_closer;
#else
  return thread_owner_state();  // MO-2
#endif
}

TAUT_ALWAYS_INLINE std::uint64_t current_owner() noexcept {
  const std::uint64_t state = state_of_caller();
  return TAUT_LIKELY(state != look_closer) ? detail::owner_of(state)
                                           : owner_id(current_goroutine());
}

}  // namespace rt
TAUT_END_NAMESPACE
