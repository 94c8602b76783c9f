// SPDX-License-Identifier: Apache-2.0
// Waiters for selects: one per case, from the runtime's slabs, cached per worker.
#pragma once

#include <cstddef>

#include "sched/goroutine.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// n cleared waiters linked by `next`; nullptr without memory.
waiter* take_waiters(std::size_t n) noexcept;
void give_waiters(waiter* list) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
