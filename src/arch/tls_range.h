// SPDX-License-Identifier: Apache-2.0
// The thread-local memory of a thread, and the search of a stack for pointers into it.
//
// Compilers keep the address of a thread-local (errno, pthread_self(), any thread_local) across a
// call. A goroutine whose registers or stack hold such an address must not move to another thread.
// The scan is conservative: a word that merely looks like one only forbids the move.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Static TLS, the thread control block, and the blocks of modules loaded with dlopen that the
// thread had when it was measured.
struct tls_range {
  static constexpr int max_extra = 8;
  std::uintptr_t low = 0, size = 0;
  struct span {
    std::uintptr_t low, size;
  } extra[max_extra] = {};
  int extra_count = 0;
};

// Measures the calling thread. Takes the loader's lock.
tls_range measure_tls() noexcept;

// Returns the address of the first word in [low, high) that points into `range`, or nullptr.
const std::uintptr_t* find_tls_pointer(const tls_range& range, const void* low,
                                       const void* high) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
