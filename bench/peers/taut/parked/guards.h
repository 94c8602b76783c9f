// SPDX-License-Identifier: Apache-2.0
// Asks the kernel, not the runtime, whether a stack has a guard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace peers {

struct guard_count {
  std::size_t guarded = 0;
  std::size_t unguarded = 0;
  // The kernel cannot tell: guard regions show in /proc/self/pagemap from Linux 6.15 on.
  bool unknown = false;
};

// count_guards() looks below each address, which lies in a stack of at most `size` bytes, for a
// page that may not be touched.
guard_count count_guards(const std::vector<std::uintptr_t>& in_stacks, std::size_t size);

}  // namespace peers
