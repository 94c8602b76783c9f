// SPDX-License-Identifier: Apache-2.0
// note: one thread sleeps, another wakes it, once per reset(). The only place where the runtime
// sleeps on a futex.
//
// States   clear -> set by wake(); clear -> sleeping by sleep(), -> set by wake(). reset() makes it
// clear again and belongs to
//          the sleeper, before it publishes that it will sleep.
#pragma once

#include <atomic>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class note {
 public:
  void reset() noexcept { word_.store(clear); }
  // Blocks the thread until wake(). False: `timeout_ns` (negative: none) passed first.
  bool sleep(std::int64_t timeout_ns = -1) noexcept;
  // May come before sleep(); waking twice is harmless. A system call only when somebody sleeps.
  void wake() noexcept;
  bool is_set() const noexcept { return word_.load() == set; }

 private:
  enum : std::uint32_t { clear, sleeping, set };
  std::atomic<std::uint32_t> word_{clear};
};

}  // namespace rt
TAUT_END_NAMESPACE
