// SPDX-License-Identifier: Apache-2.0
// condition: a queue in the semaphore table.
//
// A waiter is queued before it unlocks the mutex, so no signal sent after that can miss it; it may
// be woken before it parks, which only a claimable wait allows. waiting_ is raised before the mutex
// is unlocked: a signaller that locked the mutex later sees it and may skip the table when it is
// zero.
//
// Memory order
//   MO-1  relaxed: counters and places, for diagnosis.
#include "taut/condition.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/recording.h"
#include "sync/exclusive.h"
#include "sync/sema_table.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

namespace {

// Returns 0 or the interrupt; holds m again in both cases.
std::uint8_t wait_once(condition* c, std::atomic<std::uint32_t>& waiting, lock_record& m,
                       goroutine* g, const wait_limits& limits, site where) {
  if (owner_of(m.state.load()) != owner_id(g))
    throw panic("sync: condition wait without holding the mutex");
  record_wait(g, wait_info{wait_reason::cond_wait, c, where});
  std::uint8_t why = 0;
  {
    sema_wait wait(g, c, limits, true);
    wait.enqueue(false);
    waiting.fetch_add(1);
    wait.queue().unlock();
    unlock_exclusive(m);
    why = wait.park_early([&](sema_queue&) { waiting.fetch_sub(1); });
  }
  lock_exclusive(m, {where});
  return why;
}

}  // namespace

condition::~condition() {
  if (TAUT_UNLIKELY(waiting_.load() != 0) && has_waiters(this)) {
    fatal("a condition was destroyed while a goroutine waits for it");
  }
}

void condition::wait(mutex& m, detail::site where) {
  choice_point();
  goroutine* g = current_goroutine();
  throw_unless_woken(wait_once(this, waiting_, m.record_, g, {.bound = true}, where));
}

result<void> condition::wait_until(mutex& m, detail::context_node* context, bool has_context,
                                   const time_point* deadline, detail::site where) {
  choice_point();
  goroutine* g = current_goroutine();
  wait_limits limits{.bound = true, .explicit_context = has_context, .context = context};
  if (deadline != nullptr) limits.deadline = to_ns(*deadline);
  return interrupt_error(g, wait_once(this, waiting_, m.record_, g, limits, where), context);
}

void condition::note_signal(bool lost, detail::site where) noexcept {
  if constexpr (!records) return;
  signal_.store(where, std::memory_order_relaxed);          // MO-1
  if (lost) lost_.fetch_add(1, std::memory_order_relaxed);  // MO-1
}

void condition::signal(detail::site where) noexcept {
  choice_point();
  goroutine* g = nullptr;
  if (waiting_.load() != 0) {
    sema_queue q(this);
    if (waiter* w = q.pop()) {
      g = w->g;
      waiting_.fetch_sub(1);
    }
  }
  note_signal(g == nullptr, where);
  if (g != nullptr) ready(g);
}

void condition::broadcast(detail::site where) noexcept {
  choice_point();
  wake_list waiters;
  std::uint32_t n = 0;
  if (waiting_.load() != 0) {
    sema_queue q(this);
    while (waiter* w = q.pop()) {
      waiters.add(w);
      ++n;
    }
    waiting_.fetch_sub(n);
  }
  note_signal(n == 0, where);
  waiters.wake();
}

TAUT_END_NAMESPACE
