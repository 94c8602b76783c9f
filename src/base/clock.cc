// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <time.h>

#include "base/handoff.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {
// 0: time is real. Otherwise the virtual time.
std::atomic<std::int64_t> virtual_now{0};
}  // namespace

std::atomic<std::int64_t> coarse_time{0};

std::int64_t real_now() noexcept {
  unseen_section unseen;  // on a stack that may be handed on already
  timespec t;
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

std::int64_t now() noexcept {
  const std::int64_t v = virtual_now.load();
  return v != 0 ? v : real_now();
}

void set_virtual_time(bool on) noexcept { virtual_now.store(on ? real_now() : 0); }
bool virtual_time() noexcept { return virtual_now.load() != 0; }

void advance_virtual_time(std::int64_t to) noexcept {
  std::int64_t seen = virtual_now.load();
  while (seen != 0 && seen < to && !virtual_now.compare_exchange_weak(seen, to)) {
  }
  if (seen != 0) refresh_coarse_time(virtual_now.load());
}

}  // namespace rt
TAUT_END_NAMESPACE
