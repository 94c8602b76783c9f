// SPDX-License-Identifier: Apache-2.0
// The runtime's own lock: one word, spins, for sections of some tens of nanoseconds that never
// park, call users or block.
//
// Cost: one locked read-modify-write to take (about 6 ns), a plain store to release: half of a
// futex lock, whose release needs a second locked operation. A holder that the kernel descheduled
// is waited for by yielding, then by short sleeps. The lock belongs to a thread, so that code after
// a switch may release what the goroutine before it took. In builds with TAUT_CHECKS each
// acquisition is tested against lock_order.h.
//
// Memory order
//   MO-1  acquire by the winning exchange: sees everything before the release. Pairs with MO-2.
//   MO-2  release by the store in unlock(). Pairs with MO-1.
//   MO-3  relaxed peek while spinning; the exchange decides.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/annotations.h"
#include "base/check.h"
#include "base/handoff.h"
#include "base/lock_order.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// What the calling thread holds, as counts per rank. Defined in sched/current.cc, which owns every
// thread_local.
struct held_locks {
  std::uint16_t count[ranks] = {};
};
held_locks& current_held_locks() noexcept;

class TAUT_CAPABILITY("lock") lock {
 public:
  constexpr explicit lock(rank r) noexcept : rank_(r) {}
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;

  // Inlined in every build: the race detector must see these operations in the code it instruments.
  TAUT_ALWAYS_INLINE void acquire() noexcept TAUT_ACQUIRE() {
    check_order();
    if (TAUT_UNLIKELY(word_.exchange(1, std::memory_order_acquire) != 0)) {  // MO-1
      acquire_slow();
      accept_handoff(&word_);
    }
    note_held(1);
  }
  // Without the peek of try_acquire(): for a lock that mostly is free.
  TAUT_ALWAYS_INLINE bool acquire_at_once() noexcept TAUT_TRY_ACQUIRE(true) {
    check_order();
    if (TAUT_UNLIKELY(word_.exchange(1, std::memory_order_acquire) != 0)) return false;  // MO-1
    note_held(1);
    return true;
  }
  TAUT_ALWAYS_INLINE bool try_acquire() noexcept TAUT_TRY_ACQUIRE(true) {
    if (word_.load(std::memory_order_relaxed) != 0 ||         // MO-3
        word_.exchange(1, std::memory_order_acquire) != 0) {  // MO-1
      return false;
    }
    note_held(1);
    return true;
  }
  TAUT_ALWAYS_INLINE void release() noexcept TAUT_RELEASE() {
    note_held(-1);
    word_.store(0, std::memory_order_release);  // MO-2
  }
  // Before a park whose commit releases this lock: the race detector does not see that release.
  void announce_release() noexcept { announce_handoff(&word_); }
  // False: all that the last holder did is seen.
  bool held() const noexcept { return word_.load(std::memory_order_acquire) != 0; }  // MO-1

 private:
  TAUT_COLD void acquire_slow() noexcept;
#if defined(TAUT_CHECKS)
  void check_order() const noexcept;
  void note_held(int by) const noexcept;
#else
  void check_order() const noexcept {}
  void note_held(int) const noexcept {}
#endif

  std::atomic<std::uint8_t> word_{0};
  const rank rank_;
};

class TAUT_SCOPED_CAPABILITY hold {
 public:
  TAUT_ALWAYS_INLINE explicit hold(lock& l) noexcept TAUT_ACQUIRE(l) : lock_(l) { lock_.acquire(); }
  TAUT_ALWAYS_INLINE ~hold() TAUT_RELEASE() { lock_.release(); }
  hold(const hold&) = delete;
  hold& operator=(const hold&) = delete;

 private:
  lock& lock_;
};

// One step of a spin loop.
TAUT_ALWAYS_INLINE void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace rt
TAUT_END_NAMESPACE
