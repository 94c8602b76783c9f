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
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
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

// While one lives, the detector takes no note of what library calls (operator new, memcpy, mmap) do
// to the runtime's own memory: it would see them without the locks, which are in code that is not
// instrumented. Must not last across a switch.
class unseen_section {
 public:
#if defined(TAUT_TSAN)
  unseen_section() noexcept {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~unseen_section() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  unseen_section() noexcept {}
  ~unseen_section() {}
#endif
  unseen_section(const unseen_section&) = delete;
  unseen_section& operator=(const unseen_section&) = delete;
};

}  // namespace rt
TAUT_END_NAMESPACE
