// SPDX-License-Identifier: Apache-2.0
// A small generator per worker (xorshift64*, Vigna 2016): not for secrets. Not thread-safe.
#pragma once

#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class random {
 public:
  explicit random(std::uint64_t seed) noexcept : state_(seed * 2 + 0x9e3779b97f4a7c15u) {
    if (state_ == 0) state_ = 1;
  }
  std::uint64_t next() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }
  // Uniform in [0, n), n > 0 (Lemire's multiplication; the bias is below 2^-32 for our n).
  std::uint32_t below(std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((next() >> 32) * n >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace rt
TAUT_END_NAMESPACE
