// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in lock.h: acquire by the winning exchange.
//   MO-3  as in lock.h: relaxed peek while spinning.
#include "base/lock.h"

#include <sched.h>
#include <time.h>

#include <cstdio>

TAUT_BEGIN_NAMESPACE
namespace rt {

// Spinning longer than a critical section only helps when the holder runs; when it was descheduled,
// give the CPU away.
void lock::acquire_slow() noexcept {
  for (unsigned round = 0;; ++round) {
    for (int i = 0; i < 64; ++i) {
      if (word_.load(std::memory_order_relaxed) == 0 &&         // MO-3
          word_.exchange(1, std::memory_order_acquire) == 0) {  // MO-1
        return;
      }
      pause();
    }
    if (round < 64) {
      ::sched_yield();
    } else {
      const timespec nap{0, 50'000};
      ::nanosleep(&nap, nullptr);
    }
  }
}

#if defined(TAUT_CHECKS)
void lock::check_order() const noexcept {
  const held_locks& held = current_held_locks();
  const int mine = static_cast<int>(rank_);
  for (int r = 0; r < ranks; ++r) {
    if (held.count[r] == 0) continue;
    if (r == mine && (may_nest >> r & 1)) continue;
    if (may_hold[mine] >> r & 1) continue;
    char text[96];
    std::snprintf(text, sizeof text, "lock order: rank %d taken while rank %d is held", mine, r);
    fatal(text);
  }
}

void lock::note_held(int by) const noexcept {
  std::uint16_t& count = current_held_locks().count[static_cast<int>(rank_)];
  count = static_cast<std::uint16_t>(count + by);
}
#endif

}  // namespace rt
TAUT_END_NAMESPACE
