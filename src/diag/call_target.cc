// SPDX-License-Identifier: Apache-2.0
#include "diag/call_target.h"

#include <cstring>

#include "diag/safe_memory.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

std::uintptr_t call_target(std::uintptr_t return_address) noexcept {
#if defined(__x86_64__)
  // call rel32: E8 and a distance from the return address.
  unsigned char code[5];
  if (return_address < sizeof code ||
      !read_memory(reinterpret_cast<const void*>(return_address - sizeof code), code,
                   sizeof code) ||
      code[0] != 0xe8) {
    return 0;
  }
  std::int32_t distance;
  std::memcpy(&distance, code + 1, sizeof distance);
  return return_address + static_cast<std::uintptr_t>(std::intptr_t{distance});
#elif defined(__aarch64__)
  // bl: 100101 and a distance from the call, in instructions.
  std::uint32_t code;
  const std::uintptr_t call = return_address - sizeof code;
  if (return_address < sizeof code ||
      !read_memory(reinterpret_cast<const void*>(call), &code, sizeof code) ||
      code >> 26 != 0b100101) {
    return 0;
  }
  const auto distance = static_cast<std::int32_t>(code << 6) >> 6;
  return call + static_cast<std::uintptr_t>(std::intptr_t{distance} * 4);
#endif
}

}  // namespace rt
TAUT_END_NAMESPACE
