// SPDX-License-Identifier: Apache-2.0
// Who holds a lock, as a number: a goroutine's id, or for a thread that the runtime did not make
// its stand-in's slot. Never 0.
//
// Memory order
//   MO-1  relaxed: an id is constant while its goroutine lives, and the caller is that goroutine.
#pragma once

#include <cstdint>

#include "base/annotations.h"
#include "sched/current.h"
#include "sched/goroutine.h"
#include "sched/park.h"
#include "sched/worker.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Set in the owner of a lock that a thread holds.
inline constexpr std::uint64_t thread_owner = std::uint64_t{1} << 63;

inline std::uint64_t owner_id(const goroutine* g) noexcept {
  return TAUT_UNLIKELY(g->is_thread) ? thread_owner | (g->slot + std::uint64_t{1})
                                     : g->id.load(std::memory_order_relaxed);  // MO-1
}

// The running goroutine's id; 0 in a thread that runs none.
TAUT_ALWAYS_INLINE std::uint64_t running_id() noexcept {
#if defined(TAUT_TSAN)  // a worker's fields are not for instrumented code
  return 0;
#else
  const worker* w = current_worker();
  return TAUT_LIKELY(w != nullptr) ? w->current_id : 0;
#endif
}

TAUT_ALWAYS_INLINE std::uint64_t current_owner() noexcept {
  const std::uint64_t id = running_id();
  return TAUT_LIKELY(id != 0) ? id : owner_id(current_goroutine());
}

}  // namespace rt
TAUT_END_NAMESPACE
