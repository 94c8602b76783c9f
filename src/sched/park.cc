// SPDX-License-Identifier: Apache-2.0
// Parking and waking.
//
// A claimable wait may be claimed before its goroutine has been saved. The handshake word settles
// that:
//   0 begun; commit, after the switch, exchanges 1 (saved); the waker exchanges 2 (wake). Who comes
//   second makes it runnable. A plain wait needs none: nobody can reach the goroutine before commit
//   releases the object's lock.
//
// An interrupt and a goroutine about to park miss each other only if neither sees the other's
// store: the goroutine arms its claim word and registers, then looks at `interrupts`; the
// interrupter sets `interrupts`, then tries the claim word. All four are seq_cst.
//
// Memory order
//   MO-1  relaxed: wait facts for diagnosis, validated as in park.h; who has what is unusual to do.
//   MO-2  as in park.h: waiting, after the facts.
#include "sched/park.h"

#include <unistd.h>

#include <exception>

#include "base/check.h"
#include "base/clock.h"
#include "base/count_up.h"
#include "base/handoff.h"
#include "base/recording.h"
#include "sched/contention.h"
#include "sched/dispatch.h"
#include "sched/runtime_state.h"
#include "sched/unwinding.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// The commit of a claimable wait: the object's own commit, then the handshake.
struct claimable_commit {
  commit_function inner;
  void* argument;
};

void make_runnable(goroutine* g) noexcept;

void commit_claimable(void* argument, goroutine* g) noexcept {
  auto* c = static_cast<claimable_commit*>(argument);
  // The frame of `c` is the parked goroutine's: not to be touched once it can run again.
  const claimable_commit copy = *c;
  if (copy.inner != nullptr) copy.inner(copy.argument, g);
  if (g->handshake.exchange(1) == 2) make_runnable(g);
}

// A thread that is no goroutine sleeps on its note.
void park_thread(goroutine* g, commit_function commit, void* argument) noexcept {
  runtime_state& r = the_runtime();
  r.threads_waiting.fetch_add(1);
  // A claimable wait's note was reset when it began: a wake-up may have come already.
  if (g->wait_mask.load(std::memory_order_relaxed) == 0) g->thread_note->reset();  // MO-1
  if (commit != nullptr) commit(argument, g);
  if (r.running.load()) {
    // It may be the last that could have done anything.
    r.deadlock_suspected.store(true);
    if (r.monitor_asleep.load()) r.monitor_note.wake();
  }
#if defined(TAUT_TSAN)
  // The detector holds a signal's handler back until its thread makes a call that it knows.
  while (!g->thread_note->sleep(10'000'000)) ::usleep(0);
#else
  g->thread_note->sleep();
#endif
}

void make_runnable(goroutine* g) noexcept {
  announce_handoff(g);
  runtime_state& r = the_runtime();
  const std::uint8_t to_do =
      g->unusual.load(std::memory_order_relaxed) & unusual::at_ready;  // MO-1
  if (TAUT_UNLIKELY(to_do != 0)) {
    if (to_do == unusual::thread) {
      // Counted by the waker: a thread that was woken and has not run yet is not asleep.
      r.threads_waiting.fetch_sub(1);
      g->thread_note->wake();
      return;
    }
    begin_measuring(g);
  }
  TAUT_DCHECK(!g->is_linked());  // or it would be seen to wait
  // Abandoned by a runtime that was stopped: nothing runs it again.
  if (TAUT_UNLIKELY(g->state.load(std::memory_order_relaxed) == goroutine_state::idle))
    return;  // MO-1
  worker* w = current_worker();
  if (TAUT_UNLIKELY(r.wanted.force_migrate) && g->home != nullptr && g->may_move()) {
    r.migrate(g, w);
    return;
  }
  worker* home = g->home;
  if (home != nullptr && home != w && (TAUT_UNLIKELY(!g->may_move()) || r.wanted.pinned)) {
    home->push_inbox(g);
    return;
  }
  if (w == nullptr) {
    if constexpr (records) note_ready_by_thread(g);
    r.inject(g, g, 1);
    return;
  }
  w->push_next(g);
  r.maybe_wake();
}

}  // namespace

void release_lock(void* l, goroutine*) noexcept TAUT_LOCKS_BY_HAND {
  static_cast<lock*>(l)->release();
}

void release_locks(void* list, goroutine*) noexcept TAUT_LOCKS_BY_HAND {
  auto* l = static_cast<lock_list*>(list);
  lock* const* const first = l->locks;
  for (std::size_t left = l->count; left-- > 0;) first[left]->release();
}

std::uint32_t random_below(std::uint32_t n) noexcept {
  if (worker* w = current_worker()) return w->rng.below(n);
  // A foreign thread: its clock and stack are random enough for fairness.
  random r(static_cast<std::uint64_t>(real_now()) ^ reinterpret_cast<std::uintptr_t>(&n));
  r.next();
  return r.below(n);
}

namespace {

// The commit of a claimable wait, with a park's own in it.
TAUT_ALWAYS_INLINE void wrap_claimable(goroutine* g, claimable_commit& both,
                                       commit_function& commit, void*& argument) noexcept {
  if (TAUT_LIKELY(g->wait_mask.load(std::memory_order_relaxed) == 0)) return;  // MO-1: its own
  both = {commit, argument};
  commit = commit_claimable;
  argument = &both;
}

TAUT_ALWAYS_INLINE void park_here(goroutine* g, commit_function commit, void* argument) noexcept {
  claimable_commit both;
  wrap_claimable(g, both, commit, argument);
  worker* w = current_worker();
  switch_from(w, g, w->next_local(g), commit, argument);
}

// A thread needs no handshake: its note remembers a wake-up that came early.
void park_thread_here(goroutine* g, commit_function commit, void* argument) noexcept {
  if constexpr (records)
    g->state.store(goroutine_state::waiting, std::memory_order_release);  // MO-2
  park_thread(g, commit, argument);
  accept_handoff(g);
  if constexpr (records) {
    g->set_state(goroutine_state::runnable);
    count_up_release(g->dispatches);
  }
}

// Time and I/O are nobody's fault.
bool is_profiled(const goroutine* g) noexcept {
  const wait_reason why = g->reason();
  return why != wait_reason::sleep && why != wait_reason::io_wait;
}

// Of a thread's stand-in, or with the profile on. Not inlined: the usual park has nothing more to
// keep across the switch.
TAUT_NOINLINE void park_slowly(goroutine* g, commit_function commit, void* argument,
                               bool profiled) noexcept {
  const std::int64_t since = profiled ? now() : 0;
  g->is_thread ? park_thread_here(g, commit, argument) : park_here(g, commit, argument);
  if (profiled) note_blocked(now() - since);
}

}  // namespace

void park_recorded(goroutine* g, commit_function commit, void* argument) noexcept {
  if (TAUT_UNLIKELY(g->slow_park()))
    return park_slowly(g, commit, argument, blocks_are_profiled() && is_profiled(g));
  park_here(g, commit, argument);
}

void park_unprofiled(goroutine* g, commit_function commit, void* argument) noexcept {
  park_slowly(g, commit, argument, false);
}

void ready(goroutine* g) noexcept {
  if (g->wait_mask.load(std::memory_order_relaxed) != 0 &&
      !g->is_thread) {  // MO-1: stable since it armed
    // Unsaved yet: its commit will find the wake-up.
    announce_handoff(g);
    if (g->handshake.exchange(2) != 1) return;
  }
  make_runnable(g);
}

std::uint8_t all_interrupts_for(const goroutine* g, std::uint8_t asked) noexcept {
  std::uint8_t mask = asked;
  if (g->bound != nullptr && g->shields == 0 && std::uncaught_exceptions() == 0)
    mask |= interrupt::bound;
  if (unwinding_possible() && std::uncaught_exceptions() == 0) mask |= interrupt::unwind;
  return mask;
}

void begin_claimable(goroutine* g, std::uint8_t mask) noexcept {
  g->handshake.store(0, std::memory_order_relaxed);  // MO-1: published by the claim word
  g->ended_by = 0;
  g->interrupts.fetch_and(interrupt::bound | interrupt::unwind);
  g->wait_mask.store(mask, std::memory_order_relaxed);  // MO-1: published by the claim word
  if (g->is_thread) g->thread_note->reset();
  g->claim.store(claim_state::armed);
}

bool interrupted_before_park(goroutine* g) noexcept {
  const std::uint8_t pending =
      g->interrupts.load() & g->wait_mask.load(std::memory_order_relaxed);  // MO-1
  if (TAUT_LIKELY(pending == 0) || !claim(g)) return false;
  g->ended_by = pending & static_cast<std::uint8_t>(-pending);
  return true;
}

std::uint8_t end_claimable(goroutine* g) noexcept {
  g->claim.store(claim_state::none);
  g->wait_mask.store(0, std::memory_order_relaxed);  // MO-1
  return g->ended_by;
}

bool claim(goroutine* g) noexcept {
  claim_state armed = claim_state::armed;
  return g->claim.compare_exchange_strong(armed, claim_state::claimed);
}

void interrupt_wait(goroutine* g, std::uint8_t which) noexcept {
  g->interrupts.fetch_or(which);
  if (g->claim.load() != claim_state::armed) return;
  if ((g->wait_mask.load(std::memory_order_relaxed) & which) == 0 || !claim(g)) return;  // MO-1
  g->ended_by = which;
  ready(g);
}

void throw_interrupt(std::uint8_t why) {
  if (why == interrupt::bound) throw canceled();
  if (why == interrupt::unwind) throw_goexit();
}

void wait_deadline::arm(goroutine* g, std::int64_t deadline) noexcept {
  timer_.g = g;
  timer_.fire = [](timer& t, std::int64_t) -> std::int64_t {
    interrupt_wait(static_cast<deadline_timer&>(t).g, interrupt::deadline);
    return no_deadline;
  };
  armed_ = true;
  rt::arm(timer_, deadline);
}

void wait_deadline::disarm() noexcept {
  if (armed_) rt::disarm(timer_);
  armed_ = false;
}

std::uint8_t sleep_until(std::int64_t deadline, site where) noexcept {
  goroutine* g = current_goroutine();
  wait_deadline limit;
  begin_claimable(g, interrupts_for(g, interrupt::deadline));
  limit.arm(g, deadline);
  if (!interrupted_before_park(g)) park(g, {wait_reason::sleep, nullptr, where}, nullptr, nullptr);
  limit.disarm();
  const std::uint8_t why = end_claimable(g);
  return why == interrupt::deadline ? 0 : why;
}

std::atomic<bool> choice_points_on{false};

void choice_point_slow() noexcept {
  worker* w = current_worker();
  if (w == nullptr || w->current == nullptr || w->current->steady != 0) return;
  if (w->should_yield.exchange(false)) {
    // Not until the watching thread's next look: the operations of all others are slower while the
    // flag is on. Should another worker be asked to yield too, that look asks it again.
    if (w->runtime->wanted.perturb_seed == 0) choice_points_on.store(false);
    yield_goroutine(w);
    return;
  }
  // A test's schedule: one operation in four switches, enough to separate any two, rare enough to
  // make progress.
  if (w->runtime->wanted.perturb_seed != 0 && w->rng.below(4) == 0) yield_goroutine(w);
}

}  // namespace rt
TAUT_END_NAMESPACE
