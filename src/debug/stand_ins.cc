// SPDX-License-Identifier: Apache-2.0
#include "debug/stand_ins.h"

TAUT_BEGIN_NAMESPACE
namespace debug {
namespace stack_unavailable {

// Each has content of its own, lest a linker that folds equal functions makes them one.
[[gnu::noinline, gnu::used]] void running() { asm volatile("nop\n\tnop" ::: "memory"); }
[[gnu::noinline, gnu::used]] void runnable() { asm volatile("nop\n\tnop\n\tnop" ::: "memory"); }
[[gnu::noinline, gnu::used]] void blocking() {
  asm volatile("nop\n\tnop\n\tnop\n\tnop" ::: "memory");
}
[[gnu::noinline, gnu::used]] void waking() {
  asm volatile("nop\n\tnop\n\tnop\n\tnop\n\tnop" ::: "memory");
}

[[gnu::noinline, gnu::used]] void lost_samples() {
  asm volatile("nop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop" ::: "memory");
}

}  // namespace stack_unavailable
}  // namespace debug

namespace rt {

std::uintptr_t stand_in_for(goroutine_state state) noexcept {
  using namespace debug;
  void (*stands)() = nullptr;
  switch (state) {
    case goroutine_state::idle:
    case goroutine_state::runnable:
      stands = stack_unavailable::runnable;
      break;
    case goroutine_state::running:
      stands = stack_unavailable::running;
      break;
    case goroutine_state::waiting:
      stands = stack_unavailable::waking;
      break;
    case goroutine_state::blocking:
      stands = stack_unavailable::blocking;
      break;
  }
  return reinterpret_cast<std::uintptr_t>(stands) + 1;
}

std::uintptr_t stand_in_for_lost_samples() noexcept {
  return reinterpret_cast<std::uintptr_t>(debug::stack_unavailable::lost_samples) + 1;
}

}  // namespace rt
TAUT_END_NAMESPACE
