// SPDX-License-Identifier: Apache-2.0
// Finding work beyond a worker's own queues, and sleeping when there is none. The protocol is
// described in runtime_state.h.
#pragma once

#include "sched/worker.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Blocks the thread until there is a goroutine for w; nullptr when the runtime stops or w's thread
// must end.
goroutine* find_work(worker* w) noexcept;

struct runtime_state;
// Whether a goroutine waits in any queue or inbox.
bool anything_queued(runtime_state& r) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
