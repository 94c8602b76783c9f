// SPDX-License-Identifier: Apache-2.0
// The C++ runtime's per-thread exception state, which must travel with a goroutine: what it has
// caught and how many exceptions are in flight.
#pragma once

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// The layout of __cxa_eh_globals in the Itanium C++ ABI.
struct eh_globals {
  void* caught = nullptr;
  unsigned uncaught = 0;
};

// The calling thread's; the address is constant for the thread.
eh_globals* thread_eh_globals() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
