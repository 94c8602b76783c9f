// SPDX-License-Identifier: Apache-2.0
// A place in the user's source: the file and line of a caller, captured by a default argument.
#pragma once

#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

// Passed by value in two registers. `file` is a string literal, so it lives as long as its module.
struct site {
  const char* file = nullptr;
  std::uint32_t line = 0;

  // here(), used as a default argument, is the place of the call that omitted the argument.
#if defined(TAUT_UNRECORDED)  // the build that measures what recording costs
  static constexpr site here() noexcept { return {}; }
#else
  static constexpr site here(const char* file = __builtin_FILE(),
                             std::uint32_t line = __builtin_LINE()) noexcept {
    return {file, line};
  }
#endif
};

}  // namespace detail
TAUT_END_NAMESPACE
