// SPDX-License-Identifier: Apache-2.0
// The one way a walk reads a stack: by word, inside bounds, in place or from a copy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class stack_memory {
 public:
  stack_memory(std::uintptr_t low, std::uintptr_t high, const std::byte* data) noexcept
      : low_(low), size_(high > low ? high - low : 0), data_(data) {}

  // The word at `address`, or false. Not instrumented: a walk crosses the red zones of frames
  // that AddressSanitizer guards, and of another goroutine's stack it reads what that one wrote.
  __attribute__((no_sanitize("address", "thread", "undefined"))) bool read(
      std::uintptr_t address, std::uintptr_t& value) const noexcept {
    if (!holds(address)) return false;
    value = *reinterpret_cast<const word*>(data_ + (address - low_));
    return true;
  }

  // True if [address, address + 8) lies inside and is aligned as every saved register is.
  bool holds(std::uintptr_t address) const noexcept {
    std::uintptr_t offset = address - low_;
    return address >= low_ && offset < size_ && size_ - offset >= sizeof(word) && address % 8 == 0;
  }
  // True if `address` may be a stack pointer here: the end counts.
  bool spans(std::uintptr_t address) const noexcept {
    return address >= low_ && address - low_ <= size_;
  }

 private:
  using word __attribute__((may_alias, aligned(1))) = std::uintptr_t;

  std::uintptr_t low_;
  std::uintptr_t size_;
  const std::byte* data_;  // the byte at low_
};

}  // namespace rt
TAUT_END_NAMESPACE
