// SPDX-License-Identifier: Apache-2.0
// A call that may block the thread: while it lasts, the worker counts as unable and others take
// what it had queued.
#pragma once

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Brackets a blocking call of the current goroutine; it stays on its worker. Does nothing in a
// foreign thread.
class blocking_section {
 public:
  blocking_section() noexcept;
  ~blocking_section();
  blocking_section(const blocking_section&) = delete;
  blocking_section& operator=(const blocking_section&) = delete;

 private:
  struct worker* worker_;
};

}  // namespace rt
TAUT_END_NAMESPACE
