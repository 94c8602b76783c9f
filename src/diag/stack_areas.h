// SPDX-License-Identifier: Apache-2.0
// Which memory a thread's own stack may lie in, read from /proc/self/maps, so that a signal handler
// can tell how far up it may read.
#pragma once

#include <cstdint>
#include <vector>

#include "arch/unwind.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class stack_areas {
 public:
  // Reads the mappings there are now.
  static stack_areas read();

  // The calling thread's stack above `sp`; empty when sp lies on no stack that is known: then only
  // the interrupted address may be used. Async-signal-safe.
  stack_bounds above(std::uintptr_t sp) const noexcept;

 private:
  struct area {
    std::uintptr_t low, high;
    bool main;  // the main thread's, which grows downwards
  };
  std::vector<area> areas_;  // by address
};

}  // namespace rt
TAUT_END_NAMESPACE
