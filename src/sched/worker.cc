// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in worker.h: hints and counters.
//   MO-2  as in worker.h: run_next carries a goroutine.
//   MO-3  inbox: pushed by a seq_cst CAS, taken by an acquire exchange; the list's links travel with it.
#include "sched/worker.h"

#include "arch/context.h"
#include "base/check.h"
#include "base/clock.h"
#include "sched/poller.h"
#include "sched/runtime_state.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// A counter with one writer needs no locked operation.
inline void bump(std::atomic<std::uint64_t>& c) noexcept {
  c.store(c.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // MO-1
}
inline void bump(std::atomic<std::uint32_t>& c) noexcept {
  c.store(c.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // MO-1
}

}  // namespace

goroutine* worker::take_next() noexcept {
  goroutine* g = run_next.load(std::memory_order_relaxed);  // MO-1
  while (g != nullptr && !run_next.compare_exchange_weak(g, nullptr, std::memory_order_acquire)) {  // MO-2
  }
  return g;
}

void worker::push(goroutine* g) noexcept {
  if (g->home == nullptr ? fresh.push(g) : woken.push(g)) return;
  // Full: half of it goes to the shared queue, where idle workers find it.
  goroutine* first = g;
  goroutine* last = g;
  int n = 1;
  for (std::uint32_t half = (g->home == nullptr ? fresh.size() : woken.size()) / 2; half > 0; --half) {
    goroutine* other = g->home == nullptr ? fresh.steal() : woken.pop();
    if (other == nullptr) break;
    last->next = other;
    last = other;
    ++n;
  }
  last->next = nullptr;
  runtime->inject(first, last, n);
}

void worker::push_next(goroutine* g) noexcept {
  if (run_next.load(std::memory_order_relaxed) == nullptr) {  // MO-1: others only empty the slot
    run_next.store(g, std::memory_order_release);             // MO-2
    return;
  }
  goroutine* kicked = run_next.exchange(g);
  if (kicked != nullptr) push(kicked);
}

void worker::push_inbox(goroutine* g) noexcept {
  goroutine* head = inbox.load();
  do {
    g->next = head;
  } while (!inbox.compare_exchange_weak(head, g));
  if (worker* me = current_worker(); me != this) runtime->wake(this);
}

void worker::drain_inbox() noexcept {
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

// A started goroutine changes its worker only when nothing on its stack points into the thread-local memory of the worker it leaves.
bool worker::accept(goroutine* g) noexcept {
  worker* home = g->home;
  if (TAUT_LIKELY(home == this || home == nullptr)) return true;
  if (g->may_move() && !runtime->wanted.pinned &&
      find_tls_pointer(home->tls, g->sp, g->stack_high) == nullptr) {
    bump(migrations);
    return true;
  }
  bump(pinned_back);
  home->push_inbox(g);
  return false;
}

// Every 64th dispatch: what must not starve behind a busy local queue.
goroutine* worker::look_around() noexcept {
  due_look = 64;
  if (timers.earliest() != no_deadline || runtime->shared_timers.earliest() != no_deadline) {
    const std::int64_t t = now();
    refresh_coarse_time(t);
    timers.run_due(t);
    runtime->shared_timers.run_due(t);
  }
  if (goroutine* g = runtime->take_injected(this)) return g;
  if (goroutine* g = woken.pop()) return g;
  return fresh.steal();
}

goroutine* worker::next_local() noexcept {
  if (TAUT_UNLIKELY(inbox.load(std::memory_order_relaxed) != nullptr)) drain_inbox();  // MO-1
  for (;;) {
    goroutine* g = nullptr;
    if (TAUT_UNLIKELY(due_look-- == 0)) g = look_around();
    if (g == nullptr) g = take_next();
    if (g == nullptr) {
      if ((++fresh_turn & 1) != 0) {
        g = woken.pop();
        if (g == nullptr) g = fresh.pop();
      } else {
        g = fresh.pop();
        if (g == nullptr) g = woken.pop();
      }
    }
    if (g == nullptr || TAUT_LIKELY(accept(g))) return g;
  }
}

namespace {

// What every context does first when it continues: the commit for the one that was left.
TAUT_ALWAYS_INLINE void finish_switch(worker* w, sanitizer_context& mine, sanitizer_context* from) noexcept {
  after_switch(mine, from);
  if (w->commit != nullptr) {
    const commit_function commit = w->commit;
    w->commit = nullptr;
    commit(w->commit_argument, w->left);
  }
}

TAUT_ALWAYS_INLINE void save_thread_state(worker* w, goroutine* g) noexcept {
  g->saved_errno = *w->errno_address;
  if (TAUT_UNLIKELY(w->exceptions->caught != nullptr || w->exceptions->uncaught != 0)) {
    g->exceptions = *w->exceptions;
    *w->exceptions = {};
  }
}

TAUT_ALWAYS_INLINE void load_thread_state(worker* w, goroutine* g) noexcept {
  *w->errno_address = g->saved_errno;
  if (TAUT_UNLIKELY(g->exceptions.caught != nullptr || g->exceptions.uncaught != 0)) {
    *w->exceptions = g->exceptions;
    g->exceptions = {};
  }
}

TAUT_ALWAYS_INLINE void begin_running(worker* w, goroutine* g) noexcept {
  w->current = g;
  w->shown.store(g, std::memory_order_relaxed);  // MO-1
  bump(w->tick);
  g->home = w;
  g->set_state(goroutine_state::running);
  load_thread_state(w, g);
}

}  // namespace

// What leads to `to`, or to the scheduler's context: its stack pointer, and its sanitizer context.
TAUT_ALWAYS_INLINE static void* prepare_switch(worker* w, goroutine* from, goroutine* to, commit_function commit,
                                               void* argument, sanitizer_context** entering) noexcept {
  w->left = from;
  w->commit = commit;
  w->commit_argument = argument;
  if (to != nullptr) {
    begin_running(w, to);
    *entering = &to->sanitizer;
    return to->sp;
  }
  w->current = nullptr;
  w->shown.store(nullptr, std::memory_order_relaxed);  // MO-1
  *entering = &w->scheduler_context;
  return w->scheduler_sp;
}

void switch_from(worker* w, goroutine* from, goroutine* to, commit_function commit, void* argument) noexcept {
  save_thread_state(w, from);
  sanitizer_context* entering;
  void* load = prepare_switch(w, from, to, commit, argument, &entering);
  before_switch(&from->sanitizer, *entering);
  auto* now_on = static_cast<worker*>(taut_switch(&from->sp, load, w));
  finish_switch(now_on, from->sanitizer, nullptr);
  accept_handoff(from);
}

void switch_away(worker* w, goroutine* from, goroutine* to, commit_function commit, void* argument) noexcept {
  sanitizer_context* entering;
  void* load = prepare_switch(w, from, to, commit, argument, &entering);
  before_switch(nullptr, *entering);
  taut_switch(&from->sp, load, w);
  __builtin_unreachable();
}

// The scheduler's context runs g until there is nothing to run locally.
void run_goroutine(worker* w, goroutine* g) noexcept {
  begin_running(w, g);
  before_switch(&w->scheduler_context, g->sanitizer);
  taut_switch(&w->scheduler_sp, g->sp, w);
  finish_switch(w, w->scheduler_context, nullptr);
}

// The first thing a new goroutine does.
void enter_goroutine(worker* w) noexcept {
  finish_switch(w, w->current->sanitizer, &w->scheduler_context);
  accept_handoff(w->current);
}

}  // namespace rt
TAUT_END_NAMESPACE
