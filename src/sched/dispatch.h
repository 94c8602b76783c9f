// SPDX-License-Identifier: Apache-2.0
// The switch from one goroutine to the next, inline where goroutines park, yield and end: the
// hottest code of the library.
//
// Cost of a park and dispatch with work in the local queue: about 90 instructions, one locked
// operation (the queue's), and the cache lines of the goroutine left, the goroutine entered
// (descriptor: 3, stack: 2) and the worker (3).
//
// Memory order
//   MO-1  as in worker.h: hints and counters.
#pragma once

#include "arch/context.h"
#include "base/count_up.h"
#include "base/recording.h"
#include "sched/latencies.h"
#include "sched/runtime_state.h"
#include "sched/worker.h"
#include "taut/detail/lock_record.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

TAUT_ALWAYS_INLINE goroutine* worker::next_local(goroutine* leaving) noexcept {
  if (TAUT_UNLIKELY(inbox.load(std::memory_order_relaxed) != nullptr)) drain_inbox();  // MO-1
  const std::uint32_t due_before = due_look, turn_before = fresh_turn;
  for (;;) {
    goroutine* g = nullptr;
    if (TAUT_UNLIKELY(due_look-- == 0)) {
      if (records && current != nullptr) choose_measured(this, leaving);
      if (runtime->stopping.load(std::memory_order_relaxed)) {  // MO-1: back to the scheduler's
                                                                // context, which ends the thread
        due_look = 0;
        return nullptr;
      }
      if (current != nullptr && timers_due()) {
        due_look = 0;  // timers are run by the scheduler's context only: see look_around()
        return nullptr;
      }
      g = look_around();
    }
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
    if (g == nullptr) {
      // A look that finds nothing does not count: a schedule that is to replay must not depend on
      // how often an idle worker looked.
      due_look = due_before;
      fresh_turn = turn_before;
      return nullptr;
    }
    if (TAUT_LIKELY(accept(g))) return g;
  }
}

// What every context does first when it continues: the commit for the one that was left.
TAUT_ALWAYS_INLINE void finish_switch(worker* w, sanitizer_context& mine,
                                      sanitizer_context* from) noexcept {
  after_switch(mine, from);
  accept_handoff(&w->thread);  // its thread-local memory was made before
  if (w->commit != nullptr) {
    const commit_function commit = w->commit;
    w->commit = nullptr;
    commit(w->commit_argument, w->left);
  }
}

// errno and the C++ exception state travel with the goroutine.
TAUT_ALWAYS_INLINE void save_thread_state(worker* w, goroutine* g) noexcept {
  g->saved_errno = *w->errno_address;
  if (TAUT_UNLIKELY(w->exceptions->caught != nullptr || w->exceptions->uncaught != 0)) {
    g->exceptions = *w->exceptions;
    *w->exceptions = {};
    g->add_unusual(unusual::exceptions);
  }
}

TAUT_ALWAYS_INLINE void set_owner(worker* w, std::uint64_t state) noexcept {
  w->owner.load(std::memory_order_relaxed)->store(state, std::memory_order_relaxed);  // MO-1
}

// What was put aside, and is rarely there. Not marked cold: GCC moves what leads to a cold call far
// away, and all of a dispatch does.
TAUT_NOINLINE void begin_unusually(worker* w, goroutine* g) noexcept;

// Returns where g's registers are saved.
TAUT_ALWAYS_INLINE void* begin_running(worker* w, goroutine* g) noexcept {
  void* const sp = g->sp;
  if constexpr (records) {
    g->sp = nullptr;  // in this order: who sees the count knows that the stack changes
    count_up_release(g->dispatches);
  }
  w->current = g;
  set_owner(w, detail::state_of(g->id.load(std::memory_order_relaxed)));  // MO-1
  w->shown.store(g, std::memory_order_relaxed);                           // MO-1
  count_up(w->tick);
  g->home = w;
  *w->errno_address = g->saved_errno;
  if (TAUT_UNLIKELY((g->unusual.load(std::memory_order_relaxed) & unusual::at_dispatch) !=  // MO-1
                    0)) {
    begin_unusually(w, g);
  }
  return sp;
}

// What leads to `to`, or to the scheduler's context: its stack pointer, and its sanitizer context.
TAUT_ALWAYS_INLINE void* prepare_switch(worker* w, goroutine* from, goroutine* to,
                                        commit_function commit, void* argument,
                                        sanitizer_context** entering) noexcept {
  announce_handoff(&w->left);  // to the end of the thread
  w->left = from;
  w->commit = commit;
  w->commit_argument = argument;
  if (TAUT_LIKELY(to != nullptr)) {
    *entering = &to->sanitizer;
    return begin_running(w, to);
  }
  w->current = nullptr;
  set_owner(w, look_closer);
  w->shown.store(nullptr, std::memory_order_relaxed);  // MO-1
  *entering = &w->scheduler_context;
  return w->scheduler_sp;
}

// Switches from goroutine `from` (current on w) to `to`, or to the scheduler's context when `to` is
// null. `commit` runs after the switch. Returns when `from` continues, maybe on another worker.
TAUT_ALWAYS_INLINE void switch_from(worker* w, goroutine* from, goroutine* to,
                                    commit_function commit, void* argument) noexcept {
  save_thread_state(w, from);
  sanitizer_context* entering;
  void* load = prepare_switch(w, from, to, commit, argument, &entering);
  before_switch(&from->sanitizer, *entering);
  auto* now_on = static_cast<worker*>(taut_switch(&from->sp, load, w));
  finish_switch(now_on, from->sanitizer, nullptr);
  accept_handoff(from);
}

// As switch_from, for a goroutine that has ended: does not return.
[[noreturn]] TAUT_ALWAYS_INLINE void switch_away(worker* w, goroutine* from, goroutine* to,
                                                 commit_function commit, void* argument) noexcept {
  sanitizer_context* entering;
  void* load = prepare_switch(w, from, to, commit, argument, &entering);
  before_switch(nullptr, *entering);
  taut_switch(&from->sp, load, w);
  __builtin_unreachable();
}

}  // namespace rt
TAUT_END_NAMESPACE
