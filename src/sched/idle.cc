// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  relaxed: hints, as in runtime_state.h.
#include "sched/idle.h"

#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/recording.h"
#include "sched/dispatch.h"
#include "sched/poller.h"
#include "sched/runtime_state.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t spin_ns = 10'000;
// A goroutine in the run-next slot of a working worker is about to run there: it is taken only when
// it sat that long.
constexpr int next_patience = 4;

// Takes about half of what a victim has queued: runs one, keeps the rest.
goroutine* steal_from(worker* w, worker* victim, bool take_its_next) noexcept {
  std::uint32_t half = (victim->fresh.size() + 1) / 2;
  goroutine* mine = nullptr;
  while (half-- > 0) {
    goroutine* g = victim->fresh.steal();
    if (g == nullptr) break;
    if (mine != nullptr) w->push(mine);
    mine = g;
  }
  half = (victim->woken.size() + 1) / 2;
  while (half-- > 0) {
    goroutine* g = victim->woken.pop();
    if (g == nullptr) break;
    if (!w->accept(g)) continue;
    if (mine != nullptr) w->push(mine);
    mine = g;
  }
  if (mine == nullptr &&
      (take_its_next || victim->blocked.load(std::memory_order_relaxed))) {  // MO-1
    goroutine* g = victim->take_next();
    if (g != nullptr && w->accept(g)) mine = g;
  }
  if (records && mine != nullptr) {
    w->steals.store(w->steals.load(std::memory_order_relaxed) + 1,
                    std::memory_order_relaxed);  // MO-1
  }
  return mine;
}

goroutine* steal(runtime_state& r, worker* w, bool take_next) noexcept {
  const int n = r.worker_count.load();
  if (n <= 1)
    return nullptr;  // and draws nothing: how often it looks depends on time, what it
                     // draws later must not
  const auto start = w->rng.below(static_cast<std::uint32_t>(n));
  for (int i = 0; i < n; ++i) {
    worker* victim =
        r.workers[(start + static_cast<std::uint32_t>(i)) % static_cast<std::uint32_t>(n)].load();
    if (victim == w || victim == nullptr || !victim->has_stealable()) continue;
    if (goroutine* g = steal_from(w, victim, take_next)) return g;
  }
  return nullptr;
}

bool work_somewhere(runtime_state& r, worker* w) noexcept {
  if (r.injected.load() > 0 || w->inbox.load() != nullptr || r.stopping.load()) return true;
  const int n = r.worker_count.load();
  for (int i = 0; i < n; ++i) {
    worker* other = r.workers[i].load();
    if (other != nullptr && (!other->woken.empty() || !other->fresh.empty())) return true;
  }
  return false;
}

goroutine* look_everywhere(runtime_state& r, worker* w, bool take_next) noexcept {
  if (goroutine* g = w->next_local(nullptr)) return g;
  if (goroutine* g = r.take_injected(w, run_queue::capacity / 2); g != nullptr && w->accept(g)) {
    // Found right after look_around() looked in vain: the same as if that had found it.
    if (w->due_look == 0) w->due_look = 64;
    return g;
  }
  return steal(r, w, take_next);
}

goroutine* spin(runtime_state& r, worker* w) noexcept {
  const std::int64_t end = real_now() + spin_ns;
  worker* watched = nullptr;
  std::uint32_t watched_tick = 0;
  int sat = 0;
  for (;;) {
    for (int i = 0; i < 24; ++i) pause();
    // The patience counts looks at one victim whose tick stands still while its run-next slot is
    // full.
    bool take_next = false;
    r.for_each_worker([&](worker* v) {
      if (v == nullptr || v == w || v->run_next.load(std::memory_order_relaxed) == nullptr)
        return;                                                         // MO-1
      const std::uint32_t t = v->tick.load(std::memory_order_relaxed);  // MO-1
      if (v != watched || t != watched_tick) {
        watched = v;
        watched_tick = t;
        sat = 0;
      } else if (++sat >= next_patience) {
        take_next = true;
      }
    });
    if (goroutine* g = look_everywhere(r, w, take_next)) return g;
    if (r.stopping.load(std::memory_order_relaxed)) return nullptr;  // MO-1
    const std::int64_t t = real_now();
    if (!virtual_time() && r.run_timers(t) > 0) continue;
    if (t >= end) return nullptr;
  }
}

// Two goroutines that are bound to their workers answer each other within a microsecond, but only
// one of the workers may spin, and one that sleeps would cost every answer a wake-up: the other
// watches its inbox, if that is what fed it. It takes nothing from anybody.
goroutine* watch_inbox(runtime_state& r, worker* w) noexcept {
  const std::int64_t end = real_now() + spin_ns;
  do {
    for (int i = 0; i < 8; ++i) pause();
    if (w->inbox.load(std::memory_order_relaxed) != nullptr) return w->next_local(nullptr);  // MO-1
  } while (!r.stopping.load(std::memory_order_relaxed) && real_now() < end);  // MO-1
  return nullptr;
}

// Nobody runs, and nobody could. One look at the queues and one at the workers would miss a
// goroutine that a woken worker takes out of its inbox in between, or that was put there by one
// that fell asleep since: who is not seen the first time is in sight the second, or was dispatched.
bool all_is_quiet(runtime_state& r) noexcept {
  const std::uint64_t before = r.dispatches();
  for (int look = 0; look < 2; ++look) {
    if (anything_queued(r) || !r.nothing_runs()) return false;
  }
  return r.dispatches() == before;
}

// With everybody idle and time virtual, time jumps to the next timer.
bool advance_time(runtime_state& r) noexcept {
  if (!virtual_time()) return false;
  const std::int64_t next = r.earliest_timer();
  if (next == no_deadline || !all_is_quiet(r)) return false;
  poller* p = the_poller.load();
  if (p != nullptr && p->waiting() > 0 && p->wait(0) > 0) return true;
  advance_virtual_time(next);
  r.run_timers(now());
  return true;
}

bool enter_idle(runtime_state& r, worker* w) noexcept {
  hold h(r.idle_lock);
  // Too many at work since a blocked worker came back: this one retires.
  if (r.able.load() > r.target) {
    r.able.fetch_sub(1);
    w->state.store(worker_state::spare);
    w->park_note.reset();
    w->idle_next = r.spare_list;
    r.spare_list = w;
    return false;
  }
  w->park_note.reset();
  w->idle_next = r.idle_list;
  r.idle_list = w;
  w->in_idle_list = true;
  w->woken_to_spin = false;
  w->state.store(worker_state::idle);
  r.idle_count.fetch_add(1);
  return true;
}

// Takes w out of the idle list; when a waker did that already, its wake-up is on the way.
void leave_idle(runtime_state& r, worker* w) noexcept {
  hold h(r.idle_lock);
  if (!w->in_idle_list) return;
  worker** at = &r.idle_list;
  while (*at != w) at = &(*at)->idle_next;
  *at = w->idle_next;
  w->in_idle_list = false;
  r.idle_count.fetch_sub(1);
}

void clear_vector_registers() noexcept {
  // An idle worker must not keep user pointers alive in registers that a leak scan reads.
  if constexpr (!records) return;
#if defined(__x86_64__)
  asm volatile(
      "pxor %%xmm0,%%xmm0; pxor %%xmm1,%%xmm1; pxor %%xmm2,%%xmm2; pxor %%xmm3,%%xmm3;"
      "pxor %%xmm4,%%xmm4; pxor %%xmm5,%%xmm5; pxor %%xmm6,%%xmm6; pxor %%xmm7,%%xmm7;"
      "pxor %%xmm8,%%xmm8; pxor %%xmm9,%%xmm9; pxor %%xmm10,%%xmm10; pxor %%xmm11,%%xmm11;"
      "pxor %%xmm12,%%xmm12; pxor %%xmm13,%%xmm13; pxor %%xmm14,%%xmm14; pxor %%xmm15,%%xmm15" ::
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
            "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#endif
}

// The last one to fall asleep, whoever it is, asks the watching thread whether anything can ever
// run again. A worker that was woken and is on its way is not asleep; should it find nothing, it
// asks.
void suspect_deadlock(runtime_state& r) noexcept {
  if (r.idle_count.load() < r.able.load() || !r.nothing_runs()) return;
  r.deadlock_suspected.store(true);
  r.monitor_note.wake();
}

void sleep_as_sentry(runtime_state& r, worker* w) noexcept {
  w->state.store(worker_state::sentry);
  r.sentry_deadline.store(no_deadline);
  // Pairs with the fence in timer_armed(): who arms a timer sees a sentry, or this look sees the
  // timer.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  std::int64_t next = r.earliest_timer();
  if (advance_time(r)) {
    r.sentry_deadline.store(0);
    return;
  }
  if (next != no_deadline) r.sentry_deadline.store(next);
  if (!work_somewhere(r, w) && !w->park_note.is_set()) {
    poller* p = the_poller.load();
    std::int64_t timeout = -1;
    if (next != no_deadline && !virtual_time()) {
      timeout = next - real_now();
      if (timeout < 0) timeout = 0;
    }
    if (next == no_deadline) suspect_deadlock(r);
    clear_vector_registers();
    if (p != nullptr) {
      p->wait(timeout);
    } else {
      w->park_note.sleep(timeout);
    }
  }
  r.sentry_deadline.store(0);
  const std::int64_t t = now();
  refresh_coarse_time(t);
  r.run_timers(t);
}

// Virtual time is moved by the sentry, which may have fallen asleep while this worker still worked.
void last_one_moves_time(runtime_state& r) noexcept {
  if (virtual_time() && r.idle_count.load() >= r.able.load()) r.wake_sentry();
}

// Sleeps until woken or there may be work. False: the thread is to end.
void sleep(runtime_state& r, worker* w) noexcept {
  if constexpr (records)
    w->parks.store(w->parks.load(std::memory_order_relaxed) + 1,
                   std::memory_order_relaxed);  // MO-1
  if (!enter_idle(r, w)) {
    // A spare worker is woken for what only it can run; what came just before it was one woke
    // nobody.
    if (w->inbox.load() != nullptr) r.wake(w);
    if (r.sentry_deadline.load() == no_deadline) suspect_deadlock(r);
    last_one_moves_time(r);
    clear_vector_registers();
    if (!r.stopping.load()) w->park_note.sleep();
    w->state.store(worker_state::running);
    return;
  }
  // From here on a submitter sees this worker idle; what was submitted before is seen by this look.
  if (work_somewhere(r, w)) {
    leave_idle(r, w);
    w->state.store(worker_state::running);
    return;
  }
  worker* none = nullptr;
  if (r.sentry.compare_exchange_strong(none, w)) {
    sleep_as_sentry(r, w);
    r.sentry.store(nullptr);
  } else {
    if (r.sentry_deadline.load() == no_deadline) suspect_deadlock(r);
    last_one_moves_time(r);
    clear_vector_registers();
    w->park_note.sleep();
  }
  leave_idle(r, w);
  w->state.store(worker_state::running);
}

}  // namespace

bool anything_queued(runtime_state& r) noexcept {
  if (r.injected.load() > 0) return true;
  bool queued = false;
  r.for_each_worker(
      [&](worker* w) { queued = queued || w->has_stealable() || w->inbox.load() != nullptr; });
  return queued;
}

goroutine* find_work(worker* w) noexcept {
  runtime_state& r = *w->runtime;
  for (;;) {
    if (r.stopping.load()) return nullptr;
    const bool fed = std::exchange(w->fed, false);
    goroutine* g = look_everywhere(r, w, false);
    bool spinning = w->woken_to_spin;
    w->woken_to_spin = false;
    if (g == nullptr) {
      poller* p = the_poller.load();
      if (p != nullptr && p->waiting() > 0 && r.sentry.load() == nullptr && p->wait(0) > 0) {
        g = look_everywhere(r, w, false);
      }
    }
    if (g == nullptr) {
      // At most one spins besides those at work, so that idleness does not eat the machine.
      if (!spinning) {
        int none = 0;
        spinning = r.spinning.compare_exchange_strong(none, 1);
      }
      if (spinning || fed) {
        w->state.store(worker_state::spinning);
        g = spinning ? spin(r, w) : watch_inbox(r, w);
        w->state.store(worker_state::running);
      }
    }
    if (spinning) {
      r.spinning.fetch_sub(1);
      // The next worker may look for more, now that this one has work.
      if (g != nullptr && (w->has_stealable() || r.injected.load() > 0)) r.maybe_wake();
    }
    if (g != nullptr) return g;
    sleep(r, w);
    if (r.monitor_quiet.load()) r.monitor_note.wake();
  }
}

}  // namespace rt
TAUT_END_NAMESPACE
