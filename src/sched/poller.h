// SPDX-License-Identifier: Apache-2.0
// What io owes the scheduler: to wait for events and to end that wait. io registers an
// implementation before its first descriptor; until then the worker that keeps watch merely sleeps.
#pragma once

#include <atomic>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class poller {
 public:
  // Waits until an event, wake(), or the timeout (nanoseconds; negative: none; 0: only looks), and
  // makes the goroutines whose events came ready. Returns how many. Called by one thread at a time,
  // except with 0.
  virtual int wait(std::int64_t timeout) noexcept = 0;
  // Ends the current or the next wait. From any thread.
  virtual void wake() noexcept = 0;
  // How many goroutines wait for events now.
  virtual int waiting() const noexcept = 0;

 protected:
  ~poller() = default;
};

extern std::atomic<poller*> the_poller;

}  // namespace rt
TAUT_END_NAMESPACE
