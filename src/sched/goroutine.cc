// SPDX-License-Identifier: Apache-2.0
// What a goroutine does, as others see it.
//
// Memory order
//   MO-1  relaxed: validated by the reader, by `dispatches`.
//   MO-2  as in goroutine.h.
#include "sched/goroutine.h"

#include "base/annotations.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

TAUT_NO_SANITIZE bool goroutine::is_linked() const noexcept {
  const claim_state c = claim.load(std::memory_order_relaxed);  // MO-1
  return c == claim_state::none ? const_cast<void* const volatile&>(single.queue) != nullptr
                                : c == claim_state::armed;
}

TAUT_NO_SANITIZE goroutine_state goroutine::seen_state() const noexcept {
  const goroutine_state stored = state.load(std::memory_order_acquire);  // MO-2
  if (is_thread || stored == goroutine_state::idle) return stored;
  const bool saved = const_cast<void* const volatile&>(sp) != nullptr;
  std::atomic_thread_fence(std::memory_order_acquire);  // MO-2
  if (!saved) return stored == goroutine_state::blocking ? stored : goroutine_state::running;
  return is_linked() ? goroutine_state::waiting : goroutine_state::runnable;
}

}  // namespace rt
TAUT_END_NAMESPACE
