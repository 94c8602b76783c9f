// SPDX-License-Identifier: Apache-2.0
// Tells the race detector what orders what, where it cannot see it: code of base, arch and sched is
// not instrumented, because one thread's data there is touched from many goroutines. Empty in other
// builds.
#pragma once

#include "base/annotations.h"
#include "taut/export.h"

#if defined(TAUT_TSAN)
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

TAUT_BEGIN_NAMESPACE
namespace rt {

// What happened before announce_handoff(x) happens before what follows accept_handoff(x).
TAUT_ALWAYS_INLINE void announce_handoff([[maybe_unused]] void* x) noexcept {
#if defined(TAUT_TSAN)
  __tsan_release(x);
#endif
}
TAUT_ALWAYS_INLINE void accept_handoff([[maybe_unused]] void* x) noexcept {
#if defined(TAUT_TSAN)
  __tsan_acquire(x);
#endif
}

}  // namespace rt
TAUT_END_NAMESPACE
