// SPDX-License-Identifier: Apache-2.0
#include "taut/pool.h"

#include <bit>

#include "sched/current.h"
#include "sched/worker.h"
#include "taut/runtime.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

// A pool may be made before the runtime runs.
std::size_t pool_shards() noexcept {
  const int running = workers();
  return std::bit_ceil(static_cast<std::size_t>(running > 0 ? running : usable_cpus()));
}

std::size_t pool_shard() noexcept {
  const rt::worker* w = rt::current_worker();
  return w == nullptr ? 0 : static_cast<std::size_t>(w->index);
}

}  // namespace detail
TAUT_END_NAMESPACE
