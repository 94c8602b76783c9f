// SPDX-License-Identifier: Apache-2.0
// Tells ASan and TSan about stacks, switches and hand-offs. Empty in other builds.
//
// TSan sees every goroutine as a fiber of its own and is not told that a switch orders anything:
// only announce_handoff() and accept_handoff() do. So it reports a race between two goroutines on
// one worker. src/arch and src/sched are compiled without instrumentation, because one worker's
// data is touched from many fibers of one thread.
#pragma once

#include <cstddef>

#include "base/annotations.h"
#include "base/handoff.h"
#include "taut/export.h"

#if defined(TAUT_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(TAUT_TSAN)
extern "C" {
void* __tsan_get_current_fiber(void);
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}
#endif

TAUT_BEGIN_NAMESPACE
namespace rt {

// One per context that can be switched to.
struct sanitizer_context {
#if defined(TAUT_ASAN)
  void* fake_stack = nullptr;
  const void* bottom = nullptr;
  std::size_t size = 0;
#endif
#if defined(TAUT_TSAN)
  void* fiber = nullptr;
#endif

  void begin_goroutine(void* low, std::size_t bytes) noexcept {
#if defined(TAUT_ASAN)
    fake_stack = nullptr;
    bottom = low;
    size = bytes;
    __asan_unpoison_memory_region(low, bytes);
#endif
#if defined(TAUT_TSAN)
    fiber = __tsan_create_fiber(0);
#endif
    static_cast<void>(low);
    static_cast<void>(bytes);
  }
  // Called on another stack, after the goroutine's last switch.
  void end_goroutine() noexcept {
#if defined(TAUT_TSAN)
    __tsan_destroy_fiber(fiber);
    fiber = nullptr;
#endif
  }
  // The calling thread's own context.
  void begin_thread() noexcept {
#if defined(TAUT_TSAN)
    fiber = __tsan_get_current_fiber();
#endif
  }
};

// Just before taut_switch. `leaving` is null when the context being left will never run again.
TAUT_ALWAYS_INLINE void before_switch([[maybe_unused]] sanitizer_context* leaving,
                                      [[maybe_unused]] sanitizer_context& entering) noexcept {
#if defined(TAUT_ASAN)
  __sanitizer_start_switch_fiber(leaving == nullptr ? nullptr : &leaving->fake_stack,
                                 entering.bottom, entering.size);
#endif
#if defined(TAUT_TSAN)
  __tsan_switch_to_fiber(entering.fiber, 1);  // 1: the switch itself orders nothing
#endif
}

// Just after taut_switch, in the context that continues. `from` is the one it came from, when its
// bounds are not known yet.
TAUT_ALWAYS_INLINE void after_switch([[maybe_unused]] sanitizer_context& continuing,
                                     [[maybe_unused]] sanitizer_context* from = nullptr) noexcept {
#if defined(TAUT_ASAN)
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(continuing.fake_stack, &bottom, &size);
  if (from != nullptr && from->bottom == nullptr) {
    from->bottom = bottom;
    from->size = size;
  }
#endif
}

}  // namespace rt
TAUT_END_NAMESPACE
