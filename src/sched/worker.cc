// SPDX-License-Identifier: Apache-2.0
// The parts of a worker that are not on every switch; those are in dispatch.h.
//
// Memory order
//   MO-1  as in worker.h: hints and counters.
//   MO-3  inbox: pushed by a seq_cst CAS, taken by an acquire exchange; the list's links travel
//         with it.
#include "sched/worker.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"
#include "base/recording.h"
#include "sched/dispatch.h"
#include "sched/runtime_state.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// How long the oldest goroutine that never ran may wait behind younger ones.
constexpr std::int64_t fresh_patience = 10'000'000;

}  // namespace

// Full: half of the queue goes to the shared one, where idle workers find it. The older half of it,
// in its order.
void worker::overflow(goroutine* g) noexcept {
  const bool is_fresh = g->home == nullptr;
  goroutine* first = g;
  goroutine* last = g;
  int n = 1;
  for (std::uint32_t half = (is_fresh ? fresh.size() : woken.size()) / 2; half > 0; --half) {
    goroutine* other = is_fresh ? fresh.steal() : woken.pop();
    if (other == nullptr) break;
    last->next = other;
    last = other;
    ++n;
  }
  last->next = nullptr;
  runtime->inject(first, last, n);
}

void worker::push_inbox(goroutine* g) noexcept {
  goroutine* head = inbox.load();
  do {
    g->next = head;
  } while (!inbox.compare_exchange_weak(head, g));
  if (worker* me = current_worker(); me != this) runtime->wake(this);
}

void worker::drain_inbox() noexcept {
  fed = true;
  goroutine* list = inbox.exchange(nullptr, std::memory_order_acquire);  // MO-3
  goroutine* in_order = nullptr;
  while (list != nullptr) {
    goroutine* g = list;
    list = g->next;
    g->next = in_order;
    in_order = g;
  }
  while (in_order != nullptr) {
    goroutine* g = in_order;
    in_order = g->next;
    g->next = nullptr;
    push(g);
  }
}

// A started goroutine changes its worker only when nothing on its stack points into the
// thread-local memory of the worker it leaves.
bool worker::accept_from_elsewhere(goroutine* g) noexcept {
  worker* home = g->home;
  if (g->may_move() && !runtime->wanted.pinned &&
      find_tls_pointer(home->tls, g->sp, g->stack_high) == nullptr) {
    if constexpr (records) count_up(migrations);
    return true;
  }
  if constexpr (records) count_up(pinned_back);
  home->push_inbox(g);
  return false;
}

bool worker::timers_due() noexcept {
  const std::int64_t first = std::min(timers.earliest(), runtime->shared_timers.earliest());
  if (first == no_deadline) return false;
  const std::int64_t t = now();
  refresh_coarse_time(t);
  return first <= t;
}

// Every 64th dispatch: what must not starve behind a busy local queue. Timers are run by the
// scheduler's own context only: a goroutine that parks may hold the lock of what it waits for,
// which a timer's callback may want.
goroutine* worker::look_around() noexcept {
  due_look = 64;
  if (current == nullptr && timers_due()) {
    const std::int64_t t = now();
    timers.run_due(t);
    runtime->shared_timers.run_due(t);
  }
  if (goroutine* g = runtime->take_injected(this, 1)) return g;
  // The youngest run first, which keeps trees of goroutines narrow; the oldest gets its turn by
  // time.
  if (const std::int64_t t = coarse_now(); t - oldest_taken > fresh_patience) {
    if (goroutine* g = fresh.steal()) {
      oldest_taken = t;
      return g;
    }
  }
  return woken.pop();
}

void begin_unusually(worker* w, goroutine* g) noexcept {
  const std::uint8_t what = g->unusual.load(std::memory_order_relaxed);  // MO-1
  g->drop_unusual(unusual::at_dispatch);
  if ((what & unusual::measured) != 0) end_measuring(w, g);
  if ((what & unusual::exceptions) == 0) return;
  *w->exceptions = g->exceptions;
  g->exceptions = {};
}

// The scheduler's context runs g until there is nothing to run locally.
void run_goroutine(worker* w, goroutine* g) noexcept {
  void* const sp = begin_running(w, g);
  before_switch(&w->scheduler_context, g->sanitizer);
  taut_switch(&w->scheduler_sp, sp, w);
  finish_switch(w, w->scheduler_context, nullptr);
}

// The first thing a new goroutine does.
void enter_goroutine(worker* w) noexcept {
  finish_switch(w, w->current->sanitizer, &w->scheduler_context);
  accept_handoff(w->current);
}

}  // namespace rt
TAUT_END_NAMESPACE
