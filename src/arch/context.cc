// SPDX-License-Identifier: Apache-2.0
#include "arch/context.h"

#include <cstring>

TAUT_BEGIN_NAMESPACE
namespace rt {

#if defined(__x86_64__)

void* make_context(void* top) noexcept {
  // taut_context_entry is reached by a `ret`, so the stack is 16-aligned at its first instruction.
  auto at = reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15};
  at -= context_size;
  auto* words = reinterpret_cast<std::uintptr_t*>(at);
  for (int i = 0; i < 6; ++i) words[i] = 0;
  words[6] = reinterpret_cast<std::uintptr_t>(&taut_context_entry);
  return words;
}

saved_registers registers_of(std::uintptr_t saved_sp, const std::byte* copy) noexcept {
  std::uintptr_t words[7];
  std::memcpy(words, copy, sizeof words);
  return {words[6], saved_sp + context_size, words[5]};
}

#elif defined(__aarch64__)

void* make_context(void* top) noexcept {
  auto at = reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15};
  at -= context_size;
  auto* words = reinterpret_cast<std::uintptr_t*>(at);
  for (std::size_t i = 0; i < context_size / 8; ++i) words[i] = 0;
  words[11] = reinterpret_cast<std::uintptr_t>(&taut_context_entry);
  return words;
}

saved_registers registers_of(std::uintptr_t saved_sp, const std::byte* copy) noexcept {
  std::uintptr_t words[12];
  std::memcpy(words, copy, sizeof words);
  return {words[11], saved_sp + context_size, words[10]};
}

#endif

saved_registers registers_of(const void* saved_sp) noexcept {
  return registers_of(reinterpret_cast<std::uintptr_t>(saved_sp),
                      static_cast<const std::byte*>(saved_sp));
}

}  // namespace rt
TAUT_END_NAMESPACE
