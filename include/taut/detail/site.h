// SPDX-License-Identifier: Apache-2.0
// A place in the user's source: that of a caller, captured by a default argument.
//
// One word, so that passing it is one instruction and recording it one store: the address of what
// the compiler keeps of the place in its read-only data (decision 0016).
#pragma once

#include <cstdint>
#if __has_builtin(__builtin_source_location)
#include <source_location>  // the builtin asks for its declarations
#endif

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

// A header of the system, such as that of std::scoped_lock: says nothing of who uses it.
constexpr bool is_system_file(const char* f) noexcept {
  return f[0] == '/' && f[1] == 'u' && f[2] == 's' && f[3] == 'r' && f[4] == '/' &&
         (f[5] == 'i' || f[5] == 'l');
}

// As g++ and clang lay out what std::source_location refers to. Lives as long as its module.
struct site_data {
  const char* file;
  const char* function;
  std::uint32_t line;
  std::uint32_t column;
};

// A header of the system called, compiled so that its functions may be inlined, or never are. They
// have no file, and lines 1 and 2.
TAUT_API extern const site_data system_site, system_never_inlined_site;

// For compilers without the builtin: the one site_data of the place, made at its first use. Takes
// no lock. Out of memory: none.
TAUT_API const site_data* intern_site(const char* file, std::uint32_t line) noexcept;

// An address within the code that it is inlined into, as a return address of it would be.
[[gnu::always_inline]] inline const void* code_here() noexcept {
#if defined(TAUT_UNRECORDED)
  return nullptr;
#elif defined(__x86_64__)
  const void* here;
  asm volatile("leaq 0(%%rip), %0" : "=r"(here));  // volatile: not one for two places
  return here;
#elif defined(__aarch64__)
  const void* here;
  asm volatile("adr %0, .+4" : "=r"(here));
  return here;
#endif
}

struct site {
  const void* data = nullptr;  // a site_data; none: nothing is known

  const site_data* operator->() const noexcept { return static_cast<const site_data*>(data); }
  explicit operator bool() const noexcept { return data != nullptr; }
  constexpr bool operator==(const site&) const noexcept = default;

  // here(), used as a default argument, is the place of the call that omitted the argument. Inlined
  // always: what it says depends on how the caller is compiled.
#if defined(TAUT_UNRECORDED)  // the build that measures what recording costs
  static constexpr site here() noexcept { return {}; }
#elif __has_builtin(__builtin_source_location)
  [[gnu::always_inline]] static constexpr site here(
      const char* file = __builtin_FILE(),
      const void* data = __builtin_source_location()) noexcept {
    return is_system_file(file) ? system() : site{data};
  }
#else
  [[gnu::always_inline]] static site here(const char* file = __builtin_FILE(),
                                          std::uint32_t line = __builtin_LINE()) noexcept {
    return is_system_file(file) ? system() : site{intern_site(file, line)};
  }
#endif

  [[gnu::always_inline]] static constexpr site system() noexcept {
#if defined(__NO_INLINE__)
    return {&system_never_inlined_site};
#else
    return {&system_site};
#endif
  }
  // Known when the caller is compiled, where its place is.
  [[gnu::always_inline]] constexpr bool is_system() const noexcept {
    return data == &system_site || data == &system_never_inlined_site;
  }
};

}  // namespace detail
TAUT_END_NAMESPACE
