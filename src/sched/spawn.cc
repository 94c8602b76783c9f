// SPDX-License-Identifier: Apache-2.0
// The life of a goroutine from go() to its end, yield() and goexit().
//
// Memory order
//   MO-1  relaxed: counters with one writer; identity published by the queue the goroutine goes
//         through.
//   MO-2  release fence: who sees the stack of a goroutine that ended used again sees that its id
//   is
//         gone. Pairs with snapshot.cc's acquire fence before it looks at the id again.
#include <sched.h>

#include <atomic>
#include <exception>
#include <new>

#include "arch/context.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/recording.h"
#include "sched/bound.h"
#include "sched/dispatch.h"
#include "sched/labels.h"
#include "sched/park.h"
#include "sched/registry.h"
#include "sched/runtime_state.h"
#include "sched/unwinding.h"
#include "taut/go.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

std::atomic<bound_contexts*> the_bound_contexts{nullptr};
std::atomic<bool> may_unwind{false};
void enter_goroutine(worker* w) noexcept;

namespace {

constexpr int refill = 32;
constexpr std::uint32_t cache_limit = 128;
constexpr std::uint64_t id_batch = measured_every;

goroutine* take_default(runtime_state& r, worker* w) noexcept {
  if (goroutine* g = w->free_list; TAUT_LIKELY(g != nullptr)) {
    w->free_list = g->next;
    --w->free_count;
    return g;
  }
  int got = 0;
  goroutine* list = the_registry().take(r.default_class, refill, got);
  if (list == nullptr) return nullptr;
  w->free_list = list->next;
  w->free_count = static_cast<std::uint32_t>(got - 1);
  return list;
}

// For g, which starts and is not unusual yet. The first of a worker's batch is measured.
std::uint64_t new_id(runtime_state& r, worker* w, goroutine* g) noexcept {
  if (TAUT_UNLIKELY(w == nullptr)) return r.last_id.fetch_add(1) + 1;
  if (TAUT_UNLIKELY(w->next_id == w->last_id)) {
    w->next_id = r.last_id.fetch_add(id_batch);
    w->last_id = w->next_id + id_batch;
    if (records) choose_starting(w, g);
  }
  return ++w->next_id;
}

// The stacks of different slots start at different distances from a page boundary: equal ones would
// meet in the same cache sets.
constexpr std::size_t color(std::uint32_t slot) noexcept { return slot % 16 * 128; }

// Runs on another stack, after the goroutine's last switch.
void recycle(void*, goroutine* g) noexcept {
  runtime_state& r = the_runtime();
  worker* w = current_worker();
  g->sanitizer.end_goroutine();
  g->set_state(goroutine_state::idle);
  g->id.store(0, std::memory_order_relaxed);                                   // MO-1
  if constexpr (records) std::atomic_thread_fence(std::memory_order_release);  // MO-2
  count_up(w->ended);
  if (g->stack_class != r.default_class) {
    g->next = nullptr;
    the_registry().give(g, g->stack_class);
    return;
  }
  g->next = w->free_list;
  w->free_list = g;
  if (++w->free_count < cache_limit) return;
  goroutine* list = w->free_list;
  goroutine* last = list;
  for (std::uint32_t i = 1; i < cache_limit / 2; ++i) last = last->next;
  w->free_list = last->next;
  last->next = nullptr;
  w->free_count -= cache_limit / 2;
  the_registry().give(list, r.default_class);
}

void call_catching(goroutine* g) noexcept {
  try {
    g->run(g->closure);
  } catch (const goexit_signal&) {
  } catch (const canceled&) {
  } catch (...) {
    the_runtime().wanted.on_panic(std::current_exception());
  }
}

// Without a handler for other exceptions: one that nobody catches meets std::terminate where it was
// thrown, with the whole stack to show.
void call(goroutine* g) {
  try {
    g->run(g->closure);
  } catch (const goexit_signal&) {
  } catch (const canceled&) {
  }
}

}  // namespace

void allow_unwinding(bool on) noexcept { may_unwind.store(on); }

void throw_goexit() { throw goexit_signal(); }

void yield_goroutine(worker* w) noexcept {
  goroutine* g = w->current;
  goroutine* to = w->next_local(g);
  // With nobody else here: what waits for any worker, which the scheduler's own context would not
  // see behind this goroutine. It looks at what became ready.
  if (to == nullptr) to = w->runtime->take_injected(w, run_queue::capacity / 2);
  switch_from(
      w, g, to,
      [](void*, goroutine* left) noexcept {
        worker* here = current_worker();
        runtime_state& r = *here->runtime;
        announce_handoff(left);
        if (TAUT_UNLIKELY(r.wanted.force_migrate) && left->may_move() && r.target > 1) {
          r.migrate(left, here);
          return;
        }
        here->push(left);
        r.maybe_wake();
      },
      nullptr);
}

}  // namespace rt

namespace detail {

using namespace rt;

std::exception_ptr current_error() noexcept {
  try {
    throw;
  } catch (const goexit_signal&) {
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

spawn spawn_begin(std::size_t size, std::size_t align, const go_options& wanted, site where) {
  ensure_started();
  runtime_state& r = the_runtime();
  worker* w = current_worker();
  int stack_class = r.default_class;
  if (wanted.stack != 0) {
    stack_class = stack_class_for(wanted.stack);
    if (stack_class < 0) throw std::bad_alloc();
  }
  goroutine* g = nullptr;
  if (w != nullptr && stack_class == r.default_class) {
    g = take_default(r, w);
  } else {
    int got = 0;
    g = the_registry().take(stack_class, 1, got);
  }
  if (g == nullptr) throw std::bad_alloc();
  auto top = reinterpret_cast<std::uintptr_t>(g->stack_high) - color(g->slot) - size;
  top &= ~(static_cast<std::uintptr_t>(align < 16 ? 16 : align) - 1);
  // Asked in this order: the low end is in a line that nothing else here needs.
  if (TAUT_UNLIKELY(size + align > least_stack / 2) &&
      top < reinterpret_cast<std::uintptr_t>(g->stack_low) + 4096) {
    spawn_abort({g, nullptr});
    throw std::bad_alloc();
  }
#if defined(TAUT_ASAN)
  g->sanitizer.begin_goroutine(g->stack_low,
                               static_cast<std::size_t>(g->stack_high - g->stack_low));
#endif
  accept_handoff(g->stack_low);
  g->next = nullptr;
  g->closure = reinterpret_cast<void*>(top);
  if constexpr (records) g->created = where;
  g->pinned = wanted.pinned;
  if (TAUT_UNLIKELY(g->named || !wanted.name.empty())) g->set_name(wanted.name);
  return {g, g->closure};
}

void spawn_abort(spawn s) noexcept {
  auto* g = static_cast<goroutine*>(s.goroutine);
  g->next = nullptr;
  the_registry().give(g, g->stack_class);
}

void spawn_commit(spawn s, void (*run)(void*), context_node* bound) {
  auto* g = static_cast<goroutine*>(s.goroutine);
  runtime_state& r = the_runtime();
  worker* w = current_worker();
  goroutine* const parent = TAUT_LIKELY(w != nullptr) ? w->current : nullptr;
  g->run = run;
  g->home = nullptr;
  g->interrupts.store(0, std::memory_order_relaxed);  // MO-1
  g->labels = nullptr;
  if (TAUT_LIKELY(parent != nullptr)) {
    if constexpr (records) g->parent = parent->id.load(std::memory_order_relaxed);  // MO-1
    if (TAUT_UNLIKELY(parent->labels != nullptr)) g->labels = share_labels(parent->labels);
  } else if constexpr (records) {
    g->parent = 0;
  }
  g->sp = make_context(s.memory);
#if defined(TAUT_TSAN)
  g->sanitizer.begin_goroutine(g->stack_low, 0);
#endif
  g->set_state(goroutine_state::runnable);
  g->unusual.store(0, std::memory_order_relaxed);           // MO-1
  g->id.store(new_id(r, w, g), std::memory_order_relaxed);  // MO-1
  if (bound != nullptr) the_bound_contexts.load()->bind(g, bound);
  announce_handoff(g);
  if (TAUT_UNLIKELY(w == nullptr)) {
    if constexpr (records) note_ready_by_thread(g);
    r.foreign_created.fetch_add(1);
    r.inject(g, g, 1);
    return;
  }
  count_up(w->created);
  w->push(g);
  r.maybe_wake();
  choice_point();
}

}  // namespace detail

void yield() noexcept {
  rt::worker* w = rt::current_worker();
  if (w == nullptr || w->current == nullptr) {
    ::sched_yield();
    return;
  }
  rt::yield_goroutine(w);
}

void goexit() {
  if (rt::current_goroutine_or_null() == nullptr) throw panic("goexit called outside a goroutine");
  rt::throw_goexit();
}

TAUT_END_NAMESPACE

extern "C" void taut_context_main(void* argument) noexcept {
  using namespace taut::rt;
  auto* w = static_cast<worker*>(argument);
  goroutine* g = w->current;
  enter_goroutine(w);
  if (the_runtime().wanted.on_panic != nullptr) {
    call_catching(g);
  } else {
    call(g);
  }
  if (g->bound != nullptr) the_bound_contexts.load()->unbind(g);
  if (label_set* labels = g->labels; labels != nullptr) {
    g->labels = nullptr;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // a profile's handler may read it here
    drop_labels(labels);
  }
  w = current_worker();
  goroutine* next = w->next_local(nullptr);
  announce_handoff(g->stack_low);  // to the next goroutine on this stack
  switch_away(w, g, next, recycle, nullptr);
}
