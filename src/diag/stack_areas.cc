// SPDX-License-Identifier: Apache-2.0
// A thread's control block lies at the upper end of its stack, so what is between a stack pointer
// and the thread pointer is the thread's own, if both lie in one mapping. The main thread's control
// block lies elsewhere; its stack is a mapping of its own.
#include "diag/stack_areas.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

std::uintptr_t thread_pointer() noexcept {
  std::uintptr_t p;
#if defined(__x86_64__)
  asm volatile("movq %%fs:0, %0" : "=r"(p));
#elif defined(__aarch64__)
  asm volatile("mrs %0, tpidr_el0" : "=r"(p));
#endif
  return p;
}

}  // namespace

stack_areas stack_areas::read() {
  stack_areas found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t dash = line.find('-'), space = line.find(' ');
    if (dash == line.npos || space == line.npos || line.compare(space, 3, " rw") != 0) continue;
    area a = {0, 0, line.ends_with("[stack]")};
    std::from_chars(line.data(), line.data() + dash, a.low, 16);
    std::from_chars(line.data() + dash + 1, line.data() + space, a.high, 16);
    found.areas_.push_back(a);
  }
  return found;
}

stack_bounds stack_areas::above(std::uintptr_t sp) const noexcept {
  constexpr std::uintptr_t most_growth = std::uintptr_t{64} << 20;
  const auto at = std::ranges::upper_bound(areas_, sp, {}, &area::high);
  if (at == areas_.end() || sp < at->low - (at->main ? most_growth : 0)) return {0, 0};
  if (at->main) return {sp, at->high};
  const std::uintptr_t control = thread_pointer();
  if (control <= sp || control >= at->high) return {0, 0};
  return {sp, control};
}

}  // namespace rt
TAUT_END_NAMESPACE
