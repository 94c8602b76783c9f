// SPDX-License-Identifier: Apache-2.0
// scope: a count of active goroutines, who waits for it to be zero, who waits for it to be below
// the limit.
//
// Invariants, whenever guard is free
//   joiners is empty when active is 0; starters is empty when active is below the limit. (A wait
//   that was interrupted may linger until it unlinks itself.) A place that becomes free while
//   somebody waits in starters is handed over: active does not change.
//
// Locks        guard (rank::sema). The goroutine that leaves last touches nothing of the scope
// after it released guard: whoever joined may destroy it.
#include "taut/scope.h"

#include <memory>
#include <string>

#include "chan/chan_core.h"
#include "sched/park.h"
#include "sched/unwinding.h"
#include "taut/go.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

struct scope::state {
  state(const scope* s, detail::site where) : of(s), made(where) {}
  const scope* const of;
  const detail::site made;
  lock guard{rank::sema};
  std::size_t active TAUT_GUARDED_BY(guard) = 0;
  std::size_t limit TAUT_GUARDED_BY(guard) = 0;
  wait_queue joiners TAUT_GUARDED_BY(guard);
  wait_queue starters TAUT_GUARDED_BY(guard);
  std::exception_ptr first_error TAUT_GUARDED_BY(guard);

  bool full() const noexcept TAUT_REQUIRES(guard) { return limit != 0 && active >= limit; }

  // Parks the caller, who holds guard, in `queue` until it is taken out, or one of the interrupts
  // of `mask`.
  std::uint8_t wait_in(wait_queue& queue, goroutine* g, std::uint8_t mask, wait_reason why,
                       detail::site where) noexcept TAUT_LOCKS_BY_HAND {
    waiter& w = g->single;
    w.element = nullptr;
    w.claimable = mask != 0;
    if (mask != 0) begin_claimable(g, mask);
    queue.append(w);
    if (mask != 0 && interrupted_before_park(g)) {
      queue.unlink(w);
      guard.release();
      return end_claimable(g);
    }
    guard.announce_release();
    park(g, {why, of, where}, release_lock, &guard);
    if (mask == 0) return 0;
    if (g->ended_by != 0) {
      hold h(guard);
      if (w.queue != nullptr) static_cast<wait_queue*>(w.queue)->unlink(w);
    }
    return end_claimable(g);
  }

  // Blocks until nobody is active.
  std::uint8_t join(std::uint8_t mask, goroutine* g,
                    detail::site where) noexcept TAUT_LOCKS_BY_HAND {
    guard.acquire();
    if (active == 0) {
      guard.release();
      return 0;
    }
    return wait_in(joiners, g, mask, wait_reason::scope_join, where);
  }
};

scope::scope(detail::site where) : scope(this_goroutine::bound(), where) {}

scope::scope(const context& parent, detail::site where)
    : state_(nullptr), unwinding_(std::uncaught_exceptions()) {
  auto made = with_cancel(parent, where);
  context_ = std::move(made.ctx);
  cancel_ = std::move(made.cancel);
  state_ = new state(this, where);
}

scope::~scope() noexcept(false) {
  const bool unwinding = std::uncaught_exceptions() > unwinding_;
  if (unwinding) cancel();
  // Never ended early: what runs below may use what lives above.
  state_->join(0, current_goroutine(), state_->made);
  const std::unique_ptr<state> dies(state_);
  if (unwinding) return;
  std::exception_ptr error;
  {
    hold h(state_->guard);
    error = std::move(state_->first_error);
  }
  if (error != nullptr) std::rethrow_exception(std::move(error));
}

void scope::wait(detail::site where) {
  choice_point();
  goroutine* g = current_goroutine();
  if (const std::uint8_t why = state_->join(interrupts_for(g, 0), g, where)) throw_interrupt(why);
  std::exception_ptr error;
  {
    hold h(state_->guard);
    error = std::exchange(state_->first_error, nullptr);
  }
  if (error != nullptr) std::rethrow_exception(std::move(error));
}

void scope::cancel(detail::site where) noexcept { cancel_(where); }

void scope::set_limit(std::size_t n) {
  std::size_t active;
  {
    hold h(state_->guard);
    active = state_->active;
    if (active == 0) state_->limit = n;
  }
  if (active != 0) {
    throw panic("errgroup: modify limit while " + std::to_string(active) +
                " goroutines in the group are still active");
  }
}

std::size_t scope::active() const noexcept {
  hold h(state_->guard);
  return state_->active;
}

void scope::enter(detail::site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  state_->guard.acquire();
  if (!state_->full()) {
    ++state_->active;
    state_->guard.release();
    return;
  }
  goroutine* g = current_goroutine();
  const std::uint8_t why =
      state_->wait_in(state_->starters, g, interrupts_for(g, 0), wait_reason::scope_enter, where);
  if (why != 0) throw_interrupt(why);
}

bool scope::try_enter() noexcept {
  hold h(state_->guard);
  if (state_->full()) return false;
  ++state_->active;
  return true;
}

void scope::leave() noexcept TAUT_LOCKS_BY_HAND {
  state& s = *state_;
  s.guard.acquire();
  if (waiter* w = s.starters.take_first()) {
    goroutine* g = w->g;
    s.guard.release();
    ready(g);
    return;
  }
  goroutine* woken = nullptr;
  if (--s.active == 0) {
    while (waiter* w = s.joiners.take_first()) {
      // Unlinked and claimed, its list link is free to use.
      w->g->next = woken;
      woken = w->g;
    }
  }
  s.guard.release();
  while (woken != nullptr) {
    goroutine* g = woken;
    woken = g->next;
    g->next = nullptr;
    ready(g);
  }
}

void scope::fail(std::exception_ptr error) noexcept {
  {
    hold h(state_->guard);
    if (state_->first_error == nullptr) state_->first_error = error;
  }
  cancel_(std::move(error));
}

bool scope::fail_unknown(std::exception_ptr error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const goexit_signal&) {
    return false;
  } catch (...) {
  }
  fail(std::move(error));
  return true;
}

TAUT_END_NAMESPACE
