// SPDX-License-Identifier: Apache-2.0
#include "sched/own_stack.h"

#include <pthread.h>

#include "arch/unwind.h"
#include "base/annotations.h"
#include "sched/current.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

TAUT_NOINLINE std::size_t own_frames(std::uintptr_t* frames, std::size_t limit) noexcept {
  const frame_registers here = current_registers();
  stack_bounds bounds{here.sp, 0};
  if (const goroutine* g = current_goroutine_or_null(); g != nullptr) {
    bounds.high = reinterpret_cast<std::uintptr_t>(g->stack_high);
  } else {
    pthread_attr_t attributes;
    if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return 0;
    void* low = nullptr;
    std::size_t size = 0;
    ::pthread_attr_getstack(&attributes, &low, &size);
    ::pthread_attr_destroy(&attributes);
    bounds.high = reinterpret_cast<std::uintptr_t>(low) + size;
  }
  return unwind(here, bounds, frames, limit);
}

}  // namespace rt
TAUT_END_NAMESPACE
