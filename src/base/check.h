// SPDX-License-Identifier: Apache-2.0
// CHECK: an invariant of the runtime itself is broken; says which and ends the process. DCHECK: the
// same in builds with TAUT_CHECKS. A caller's mistake is no invariant: that throws taut::panic.
#pragma once

#include "base/annotations.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Prints "taut: <text>" with the place to stderr and aborts. Async-signal-safe, takes no lock.
[[noreturn]] TAUT_COLD void fatal(const char* text, const char* file = __builtin_FILE(),
                                  int line = __builtin_LINE()) noexcept;

// Writes all of text to a descriptor, ignoring errors; for messages of a dying process.
void write_all(int fd, const char* text) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE

#define TAUT_CHECK(condition) \
  (TAUT_LIKELY(condition) ? (void)0 : ::taut::rt::fatal("check failed: " #condition))
#if defined(TAUT_CHECKS)
#define TAUT_DCHECK(condition) TAUT_CHECK(condition)
#else
#define TAUT_DCHECK(condition) ((void)0)
#endif
