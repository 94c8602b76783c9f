// SPDX-License-Identifier: Apache-2.0
// park() and ready(): the only way to block.
//
//   plain wait      hold the object's lock; link current's waiter; park(info, release, &lock);
//                   afterwards: who woke it has done the operation.
//   claimable wait  begin_claimable(g, mask); register with the wakers; park; end_claimable(g): 0,
//                   or the interrupt that ended it.
//
// Memory order
//   MO-1  relaxed: a wish that may be seen a little later; wait facts for diagnosis, validated by
//         `sp`, which the switch saves after them, and `dispatches`.
//   MO-2  release of state, of a thread's stand-in: waiting after the facts. They change after the
//         next dispatch, which counts. Pairs with the acquire of a snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/clock.h"
#include "base/lock.h"
#include "base/recording.h"
#include "sched/current.h"
#include "sched/goroutine.h"
#include "sched/timers.h"
#include "sched/unwinding.h"
#include "sched/worker.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct recorded_wait {
  wait_reason reason;
  const void* object;
  site where;
};
// Where nothing is recorded: what the wait itself needs.
struct bare_wait {
  bare_wait(wait_reason, const void* o, site) noexcept : object(o) {}
  const void* object;
};
using wait_info = std::conditional_t<records, recorded_wait, bare_wait>;

// Says that g is about to wait, where the caller still has the facts in registers. What for is told
// by the queue that its waiter is in, or by a select's cases. Until it parks nobody looks at them.
TAUT_ALWAYS_INLINE void record_queued_wait(goroutine* g, wait_reason reason, site where) noexcept {
  if constexpr (!records) return;
  g->wait_site.store(where, std::memory_order_relaxed);  // MO-1
  g->set_wait(reason, coarse_now());
}
// As above, of any other object.
TAUT_ALWAYS_INLINE void record_wait(goroutine* g, const recorded_wait& info) noexcept {
  g->wait_object.store(info.object, std::memory_order_relaxed);  // MO-1
  record_queued_wait(g, info.reason, info.where);
}
inline void record_wait(goroutine*, const bare_wait&) noexcept {}
// Where g's last wait was, by its own word.
inline site recorded_site(const goroutine* g) noexcept {
  return g->wait_site.load(std::memory_order_relaxed);  // MO-1
}

// Parks g; what it waits for was recorded. The second says nothing of it to the profile of waits.
void park_recorded(goroutine* g, commit_function commit, void* argument) noexcept;
void park_unprofiled(goroutine* g, commit_function commit, void* argument) noexcept;

// Parks the calling goroutine (or foreign thread). `commit(argument, g)` runs once g's registers
// are saved, on another stack: it usually releases the object's lock. With a claimable wait begun,
// g may be woken before commit runs.
TAUT_ALWAYS_INLINE void park(goroutine* g, const wait_info& info, commit_function commit,
                             void* argument) noexcept {
  record_wait(g, info);
  park_recorded(g, commit, argument);
}

// Makes a parked goroutine runnable: its wait was unlinked or claimed by the caller, which is what
// tells others that it does not wait any more. From any thread. Never blocks.
void ready(goroutine* g) noexcept;

// Releases one rt::lock: the usual commit.
void release_lock(void* lock, goroutine* left) noexcept;
// Releases several, the last first. The list lies on the parked goroutine's stack and is not
// touched after the last release.
struct lock_list {
  lock* const* locks;
  std::size_t count;
};
void release_locks(void* list, goroutine* left) noexcept;
// Uniform in [0, n), from the worker's generator.
std::uint32_t random_below(std::uint32_t n) noexcept;

// --- Claimable waits.

// Which interrupts end a wait of g that is asked to be ended by `asked` too.
std::uint8_t all_interrupts_for(const goroutine* g, std::uint8_t asked) noexcept;
TAUT_ALWAYS_INLINE std::uint8_t interrupts_for(const goroutine* g, std::uint8_t asked) noexcept {
  if (TAUT_LIKELY(g->bound == nullptr && !unwinding_possible())) return asked;
  return all_interrupts_for(g, asked);
}
// Arms the claim word. Before the wait is registered anywhere.
void begin_claimable(goroutine* g, std::uint8_t mask) noexcept;
// After registration: true when an interrupt of the mask came before and g claimed itself:
// unregister and do not park.
bool interrupted_before_park(goroutine* g) noexcept;
// After the wait, once unregistered everywhere: the interrupt that ended it, or 0.
std::uint8_t end_claimable(goroutine* g) noexcept;
// The waker's side: true when the caller may wake g.
bool claim(goroutine* g) noexcept;
// claim, if the waiter needs one.
inline bool take(const waiter& w) noexcept { return !w.claimable || claim(w.g); }
// Ends g's wait from outside if it allows `which`, now or at its next wait. The caller holds a lock
// that keeps g registered with it.
void interrupt_wait(goroutine* g, std::uint8_t which) noexcept;
// Throws what interrupt `why` means for a form without a result: canceled, or a test's unwinding.
// Does nothing while an exception is in flight.
void throw_interrupt(std::uint8_t why);

// A deadline for the calling goroutine's next claimable wait. Lives on its stack.
class wait_deadline {
 public:
  wait_deadline() noexcept = default;
  ~wait_deadline() { disarm(); }
  wait_deadline(const wait_deadline&) = delete;
  wait_deadline& operator=(const wait_deadline&) = delete;
  void arm(goroutine* g, std::int64_t deadline) noexcept;
  void disarm() noexcept;

 private:
  struct deadline_timer : timer {
    goroutine* g = nullptr;
  } timer_;
  bool armed_ = false;
};

// Blocks until the deadline (scheduler's clock). Returns 0, or the interrupt that ended it early.
std::uint8_t sleep_until(std::int64_t deadline, site where) noexcept;

// A synchronisation operation is about to begin: a place where a test's schedule may switch, and
// where a goroutine that has kept its worker too long gives it up. Costs a load and a branch while
// neither is wanted.
void choice_point_slow() noexcept;
extern std::atomic<bool> choice_points_on;
TAUT_ALWAYS_INLINE bool choice_point_wanted() noexcept {
  return choice_points_on.load(std::memory_order_relaxed);  // MO-1
}
TAUT_ALWAYS_INLINE void choice_point() noexcept {
  if (TAUT_UNLIKELY(choice_point_wanted())) choice_point_slow();
}

// While it lives, choice points of the calling goroutine do not switch: somebody else's callback is
// on its stack, whose caller counts on its thread.
class steady_section {
 public:
  steady_section() noexcept : g_(current_goroutine_or_null()) {
    if (g_ != nullptr) ++g_->steady;
  }
  ~steady_section() {
    if (g_ != nullptr) --g_->steady;
  }
  steady_section(const steady_section&) = delete;
  steady_section& operator=(const steady_section&) = delete;

 private:
  goroutine* g_;
};

}  // namespace rt
TAUT_END_NAMESPACE
