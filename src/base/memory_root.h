// SPDX-License-Identifier: Apache-2.0
// Tells the leak detector of ASan builds that a mapping of the runtime's own holds pointers into
// the heap. Empty in other builds.
#pragma once

#include <cstddef>

#include "base/annotations.h"
#include "taut/export.h"

#if defined(TAUT_ASAN)
#include <sanitizer/lsan_interface.h>
#endif

TAUT_BEGIN_NAMESPACE
namespace rt {

TAUT_ALWAYS_INLINE void remember_root([[maybe_unused]] void* memory,
                                      [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(TAUT_ASAN)
  __lsan_register_root_region(memory, bytes);
#endif
}

}  // namespace rt
TAUT_END_NAMESPACE
