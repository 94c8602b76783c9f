// SPDX-License-Identifier: Apache-2.0
// Deadlines. Each worker has a heap; a timer is armed on the heap of the worker that arms it and
// may be cancelled from anywhere.
//
//   struct retry { timer t; ... };
//   // Runs under the heap's lock: short, never parks, never calls users. Returns the next deadline
//   // (a ticker) or none.
//   t.fire = [](timer& t, std::int64_t now) { ready(...); return no_deadline; };
//   arm(t, deadline);
//   disarm(t);  // after it returned, fire is not running and will not run
//
// A timer whose callback needs locks that come before the heap's, or starts goroutines, sets
// `unlocked`: its fire() runs with nothing held, on a worker's own stack or in the watching thread.
// Until it returned, disarm() waits for it; retract() only takes the timer out of the heap and
// never waits.
//
// A 4-ary heap whose entries hold the deadline beside the timer, so that sifting touches the heap
// only; a timer knows its index, so disarming is O(log n) and usually O(1).
//
// Locks         rank::timers per heap. fire() runs under it and may take chan, sema, poll_fd,
// sched; with `unlocked` it may take any.
//
// Memory order
//   MO-1  relaxed: the earliest deadline, peeked without the lock; a late view only delays by one
//         look.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/lock.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

inline constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();

class timer_heap;

struct timer {
  // Called when the deadline has passed, under the heap's lock, with the timer already out of the
  // heap. Returns when to fire again, or no_deadline.
  std::int64_t (*fire)(timer&, std::int64_t now) = nullptr;
  std::atomic<timer_heap*> heap{nullptr};  // the heap it was armed on last
  std::int64_t deadline = 0;
  std::uint32_t index = 0;  // guarded by the heap's lock; 0: not armed, else position + 1
  bool background = false;  // does not keep the program from being "all asleep"
  bool unlocked = false;  // fire() runs without the lock, returns no_deadline, and nothing touches
                          // the timer afterwards
};

class timer_heap {
 public:
  void arm(timer& t, std::int64_t deadline) noexcept;
  // True when it was armed and now is not. Waits for a running fire().
  bool disarm(timer& t) noexcept;
  // As disarm(), but does not wait for an unlocked fire() that runs.
  bool retract(timer& t) noexcept;
  // Runs what is due. Returns how many. Called by who holds no lock and is no goroutine.
  int run_due(std::int64_t now) noexcept;
  // The earliest deadline, or no_deadline.
  std::int64_t earliest() const noexcept {
    return earliest_.load(std::memory_order_relaxed);  // MO-1
  }
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }  // MO-1
  // How many timers are not background ones.
  std::size_t foreground() const noexcept {
    return foreground_.load(std::memory_order_relaxed);  // MO-1
  }

 private:
  struct entry {
    std::int64_t deadline;
    timer* t;
  };
  // An unlocked fire() that runs now; on its runner's stack.
  struct firing {
    const timer* t;
    const void* thread;
    firing* next;
  };
  bool take_out(timer& t) noexcept TAUT_REQUIRES(lock_);
  void fire_unlocked(timer* t, std::int64_t now) noexcept TAUT_REQUIRES(lock_);
  bool wait_until_out(timer& t) noexcept;
  void insert(timer& t, std::int64_t deadline) noexcept TAUT_REQUIRES(lock_);
  void place(std::size_t i, entry e) noexcept TAUT_REQUIRES(lock_);
  void sift_up(std::size_t i) noexcept TAUT_REQUIRES(lock_);
  void sift_down(std::size_t i) noexcept TAUT_REQUIRES(lock_);
  void remove(std::size_t i) noexcept TAUT_REQUIRES(lock_);
  void publish() noexcept TAUT_REQUIRES(lock_);

  lock lock_{rank::timers};
  std::vector<entry> entries_ TAUT_GUARDED_BY(lock_);
  firing* firing_ TAUT_GUARDED_BY(lock_) = nullptr;
  std::atomic<std::int64_t> earliest_{no_deadline};
  std::atomic<std::size_t> size_{0};
  std::atomic<std::size_t> foreground_{0};
};

// Arms t at `deadline` (scheduler's clock) on the calling worker's heap; in a foreign thread on the
// runtime's shared heap. t must not be armed. Wakes a sleeping worker when t is the earliest of
// all.
void arm(timer& t, std::int64_t deadline) noexcept;
// See above. The timer may be destroyed afterwards.
bool disarm(timer& t) noexcept;
bool retract(timer& t) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
