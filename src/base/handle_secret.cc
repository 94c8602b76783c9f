// SPDX-License-Identifier: Apache-2.0
#include <sys/auxv.h>

#include <cstring>

#include "taut/detail/handle.h"

TAUT_BEGIN_NAMESPACE
namespace detail {
namespace {

// The kernel's own random bytes for this process.
std::uintptr_t read_secret() noexcept {
  std::uintptr_t secret = 0x51ab1e57a7e5c0deu;
  if (const auto* bytes = reinterpret_cast<const void*>(::getauxval(AT_RANDOM))) {
    std::memcpy(&secret, bytes, sizeof secret);
  }
  return secret | 1;
}

// Before any handle among another file's globals can be made.
__attribute__((constructor(101))) void set_secret() noexcept { handle_secret = read_secret(); }

}  // namespace

std::uintptr_t handle_secret = 0;

}  // namespace detail
TAUT_END_NAMESPACE
