// SPDX-License-Identifier: Apache-2.0
// A place in the user's source: the file and line of a caller, captured by a default argument.
#pragma once

#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

// A header of the system, such as that of std::scoped_lock: says nothing of who uses it.
constexpr bool is_system_file(const char* f) noexcept {
  return f[0] == '/' && f[1] == 'u' && f[2] == 's' && f[3] == 'r' && f[4] == '/' &&
         (f[5] == 'i' || f[5] == 'l');
}

// Passed by value in two registers. `file` is a string literal, so it lives as long as its module.
struct site {
  const char* file = nullptr;
  std::uint32_t line = 0;

  // No file, and one of these for a line: a header of the system called, compiled so that its
  // functions may be inlined, or never are. No file and no line: nothing is known.
  static constexpr std::uint32_t system = ~std::uint32_t{1};
  static constexpr std::uint32_t system_never_inlined = ~std::uint32_t{0};

  // here(), used as a default argument, is the place of the call that omitted the argument.
#if defined(TAUT_UNRECORDED)  // the build that measures what recording costs
  static constexpr site here() noexcept { return {}; }
#else
  // Inlined always: what it says depends on how the caller is compiled.
  [[gnu::always_inline]] static constexpr site here(
      const char* file = __builtin_FILE(), std::uint32_t line = __builtin_LINE()) noexcept {
    if (!is_system_file(file)) return {file, line};
#if defined(__NO_INLINE__)
    return {nullptr, system_never_inlined};
#else
    return {nullptr, system};
#endif
  }
#endif
};

}  // namespace detail
TAUT_END_NAMESPACE
