// SPDX-License-Identifier: Apache-2.0
// Sending, receiving, closing: the operations of one channel. See chan_core.h for invariants and
// locks.
//
// Memory order
//   MO-1  as in chan_core.h: peeks without the lock.
//   MO-2  as in chan_core.h: evidence.
#include "chan/chan_core.h"

#include "base/clock.h"
#include "base/count_up.h"
#include "base/recording.h"
#include "sched/context_waits.h"
#include "sched/park.h"
#include "taut/chan.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

inline std::uint32_t count_of(const chan_core& c) noexcept {
  return c.count.load(std::memory_order_relaxed);  // MO-1
}
inline void set_count(chan_core& c, std::uint32_t n) noexcept {
  c.count.store(n, std::memory_order_relaxed);  // MO-1
}
inline bool is_closed(const chan_core& c) noexcept {
  return c.closed.load(std::memory_order_relaxed);  // MO-1
}

// Hands over to or from a waiter that was taken out, and wakes it.
void wake(chan_core& c, waiter* w) noexcept TAUT_LOCKS_BY_HAND {
  w->success = true;
  goroutine* g = w->g;
  c.guard.release();
  ready(g);
}

// The caller's wait ended without its operation: out of the queue, if still in it.
void unlink_own(chan_core& c, waiter& w) noexcept {
  hold h(c.guard);
  if (w.queue != nullptr) static_cast<wait_queue*>(w.queue)->unlink(w);
}

// Parks the caller, whose channel is locked, in `queue`; it has recorded the wait. Returns 0 when a
// partner (or close) ended it, else the interrupt.
std::uint8_t wait_in(chan_core& c, wait_queue& queue, goroutine* g, void* element,
                     std::uint8_t mask) noexcept TAUT_LOCKS_BY_HAND {
  waiter& w = g->single;
  w.g = g;
  w.element = element;
  w.success = false;
  w.claimable = mask != 0;
  queue.append(w);
  if (TAUT_UNLIKELY(mask != 0) && interrupted_before_park(g)) {
    queue.unlink(w);
    c.guard.release();
    return end_claimable(g);
  }
  c.guard.announce_release();
  park_recorded(g, release_lock, &c.guard);
  if (TAUT_LIKELY(mask == 0)) return 0;
  if (g->ended_by != 0) unlink_own(c, w);
  return end_claimable(g);
}

left_for left_because(std::error_code ended) noexcept {
  return ended == errc::deadline_exceeded ? left_for::timeout : left_for::context;
}

// A wait that ends by an explicit context or a deadline too.
class limited_wait {
 public:
  limited_wait(goroutine* g, detail::wait_limit limit) noexcept
      : mask_(begin(g, limit)), context_(g, limit.context) {
    if (limit.deadline != nullptr) deadline_.arm(g, to_ns(*limit.deadline));
  }
  std::uint8_t mask() const noexcept { return mask_; }
  // The bound context ends these waits too; they say so instead of throwing.
  std::error_code error(std::uint8_t why) const noexcept {
    if (why == interrupt::bound) return context_error(current_goroutine()->bound);
    return why == interrupt::context ? context_.error() : make_error_code(errc::deadline_exceeded);
  }

 private:
  static std::uint8_t begin(goroutine* g, detail::wait_limit limit) noexcept {
    std::uint8_t asked = 0;
    if (limit.context != nullptr) asked |= interrupt::context;
    if (limit.deadline != nullptr) asked |= interrupt::deadline;
    const std::uint8_t mask = interrupts_for(g, asked);
    begin_claimable(g, mask);
    return mask;
  }
  const std::uint8_t mask_;
  context_wait_scope context_;
  wait_deadline deadline_;
};

// offer() and accept(), where they are hot.
TAUT_ALWAYS_INLINE outcome offer_here(chan_core& c, void* element, goroutine* g,
                                      site where) noexcept TAUT_LOCKS_BY_HAND {
  if (TAUT_UNLIKELY(is_closed(c))) return outcome::closed;
  if (waiter* w = c.receivers.take_first()) {
    count_up(c.receives);
    c.last_send.set(g, where);
    if (w->element != nullptr) move_element(c, w->element, element);
    wake(c, w);
    return outcome::done;
  }
  const std::uint32_t n = count_of(c);
  if (n < c.capacity) {
    c.last_send.set(g, where);
    move_element(c, c.slot(n), element);
    set_count(c, n + 1);
    c.guard.release();
    return outcome::done;
  }
  return outcome::would_block;
}

// g: null when the caller has noted the receive.
TAUT_ALWAYS_INLINE outcome accept_here(chan_core& c, void* element, goroutine* g,
                                       site where) noexcept TAUT_LOCKS_BY_HAND {
  const std::uint32_t n = count_of(c);
  if (n > 0) {
    if (g != nullptr) c.last_receive.set(g, where);
    std::byte* oldest = c.slot(0);
    move_element(c, element, oldest);
    if (c.ops->destroy != nullptr) c.ops->destroy(oldest);
    count_up(c.receives);
    // A full buffer: the first waiting sender's value comes to the end of the line.
    if (waiter* w = c.senders.take_first()) {
      move_element(c, c.slot(n - 1), w->element);
      wake(c, w);
      return outcome::done;
    }
    set_count(c, n - 1);
    c.guard.release();
    return outcome::done;
  }
  if (waiter* w = c.senders.take_first()) {
    count_up(c.receives);
    if (g != nullptr) c.last_receive.set(g, where);
    move_element(c, element, w->element);
    wake(c, w);
    return outcome::done;
  }
  return is_closed(c) ? outcome::closed : outcome::would_block;
}

}  // namespace

outcome offer(chan_core& c, void* element, goroutine* g, site where) noexcept {
  return offer_here(c, element, g, where);
}

outcome accept(chan_core& c, void* element, goroutine* g, site where) noexcept {
  if (g == nullptr) __builtin_unreachable();
  return accept_here(c, element, g, where);
}

void record_left(chan_core& c, bool sends, goroutine* g, site where, left_for why) noexcept {
  if constexpr (!records) return;
  chan_leaving& l = sends ? c.sender_left : c.receiver_left;
  l.by.set(g, where);
  l.why.store(why, std::memory_order_relaxed);                                     // MO-2
  l.after.store(sends ? sends_of(c) : c.receives.load(std::memory_order_relaxed),  // MO-2
                std::memory_order_relaxed);                                        // MO-2
}

void record_leaving(chan_core& c, bool sends, goroutine* g, site where, left_for why) noexcept {
  if constexpr (!records) return;
  hold h(c.guard);
  record_left(c, sends, g, where, why);
}

void block_forever(wait_reason why, site where) {
  goroutine* g = current_goroutine();
  for (;;) {
    const std::uint8_t mask = interrupts_for(g, 0);
    if (mask == 0) {
      park(g, {why, nullptr, where}, nullptr, nullptr);
      continue;
    }
    begin_claimable(g, mask);
    if (!interrupted_before_park(g)) park(g, {why, nullptr, where}, nullptr, nullptr);
    throw_interrupt(end_claimable(g));
  }
}

}  // namespace rt

namespace detail {

using namespace rt;

namespace {

// What is not done at once. g: the caller, which has c's lock.
TAUT_ALWAYS_INLINE void send_locked(chan_core* c, void* element, goroutine* g,
                                    site where) TAUT_LOCKS_BY_HAND {
  const outcome o = offer_here(*c, element, g, where);
  if (TAUT_LIKELY(o == outcome::done)) return;
  if (o == outcome::closed) {
    c->guard.release();
    throw panic("send on closed channel");
  }
  c->previous_send.set(c->last_send);
  c->last_send.set(g, where);
  const std::uint8_t mask = interrupts_for(g, 0);
  if (TAUT_UNLIKELY(mask != 0)) begin_claimable(g, mask);
  record_wait(g, wait_info{wait_reason::chan_send, c, where});
  const std::uint8_t why = wait_in(*c, c->senders, g, element, mask);
  if (TAUT_UNLIKELY(why != 0)) {
    record_leaving(*c, true, g, where, left_for::context);
    throw_interrupt(why);
  }
  if (TAUT_UNLIKELY(!g->single.success)) throw panic("send on closed channel");
}

TAUT_ALWAYS_INLINE bool recv_locked(chan_core* c, void* element, goroutine* g,
                                    site where) TAUT_LOCKS_BY_HAND {
  // Whether it finds something or waits; of one that meets the end nobody asks.
  c->last_receive.set(g, where);
  const outcome o = accept_here(*c, element, nullptr, where);
  if (TAUT_LIKELY(o == outcome::done)) return true;
  if (o == outcome::closed) {
    c->guard.release();
    return false;
  }
  where = c->last_receive.where.load(std::memory_order_relaxed);  // MO-2: its register was needed
  const std::uint8_t mask = interrupts_for(g, 0);
  if (TAUT_UNLIKELY(mask != 0)) begin_claimable(g, mask);
  record_wait(g, wait_info{wait_reason::chan_receive, c, where});
  const std::uint8_t why = wait_in(*c, c->receivers, g, element, mask);
  if (TAUT_UNLIKELY(why != 0)) {
    record_leaving(*c, false, g, where, left_for::context);
    throw_interrupt(why);
  }
  return g->single.success;
}

// The caller passes a choice point, or is no goroutine, or the lock is taken.
TAUT_NOINLINE goroutine* lock_slowly(chan_core* c, wait_reason nil, site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  if (c == nullptr) block_forever(nil, where);
  goroutine* g = current_goroutine();
  c->guard.acquire();
  return g;
}

// locked: a goroutine, which has c's lock.
TAUT_NOINLINE void send_slowly(chan_core* c, void* element, site where,
                               bool locked) TAUT_LOCKS_BY_HAND {
  goroutine* g =
      TAUT_LIKELY(locked) ? running_goroutine() : lock_slowly(c, wait_reason::chan_send_nil, where);
  send_locked(c, element, g, where);
}
TAUT_NOINLINE bool recv_slowly(chan_core* c, void* element, site where,
                               bool locked) TAUT_LOCKS_BY_HAND {
  goroutine* g = TAUT_LIKELY(locked) ? running_goroutine()
                                     : lock_slowly(c, wait_reason::chan_receive_nil, where);
  return recv_locked(c, element, g, where);
}

}  // namespace

void chan_send(chan_core* c, void* element, site where) TAUT_LOCKS_BY_HAND {
  const std::uint64_t me = thread_owner_state();
  const bool locked = TAUT_LIKELY(me != look_closer && c != nullptr) && c->guard.acquire_at_once();
  if (TAUT_LIKELY(locked && offer_at_once(*c, element, me, where))) return;
  send_slowly(c, element, where, locked);
}

bool chan_recv(chan_core* c, void* element, site where) TAUT_LOCKS_BY_HAND {
  const std::uint64_t me = thread_owner_state();
  const bool locked = TAUT_LIKELY(me != look_closer && c != nullptr) && c->guard.acquire_at_once();
  if (TAUT_LIKELY(locked && accept_at_once(*c, element, me, where))) return true;
  return recv_slowly(c, element, where, locked);
}

std::error_code chan_try_send(chan_core* c, void* element, site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  if (c == nullptr) return make_error_code(errc::would_block);
  c->guard.acquire();
  const outcome o = offer(*c, element, current_goroutine(), where);
  if (o == outcome::done) return {};
  c->guard.release();
  return make_error_code(o == outcome::closed ? errc::closed : errc::would_block);
}

std::error_code chan_try_recv(chan_core* c, void* element, site where) noexcept TAUT_LOCKS_BY_HAND {
  choice_point();
  if (c == nullptr) return make_error_code(errc::would_block);
  // Empty and open: no need for the lock. A sender that waits is a reason to look.
  if (count_of(*c) == 0 && !is_closed(*c) && c->capacity != 0)
    return make_error_code(errc::would_block);
  c->guard.acquire();
  const outcome o = accept(*c, element, current_goroutine(), where);
  if (o == outcome::done) return {};
  c->guard.release();
  return make_error_code(o == outcome::closed ? errc::closed : errc::would_block);
}

std::error_code chan_send_until(chan_core* c, void* element, wait_limit limit,
                                site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  goroutine* g = current_goroutine();
  if (limit.context != nullptr) {
    if (std::error_code ended = the_context_waits.load()->error(limit.context)) {
      if (c != nullptr) record_leaving(*c, true, g, where, left_because(ended));
      return ended;
    }
  }
  if (c != nullptr) {
    c->guard.acquire();
    const outcome o = offer(*c, element, g, where);
    if (o == outcome::done) return {};
    c->guard.release();
    if (o == outcome::closed) throw panic("send on closed channel");
  }
  limited_wait wait(g, limit);
  std::uint8_t why;
  if (c == nullptr) {
    if (!interrupted_before_park(g))
      park(g, {wait_reason::chan_send_nil, nullptr, where}, nullptr, nullptr);
    why = end_claimable(g);
  } else {
    c->guard.acquire();
    const outcome o = offer(*c, element, g, where);
    if (o != outcome::would_block) {
      // An interrupt that came meanwhile loses: the operation is done. Its claim, if it won one, is
      // waited for.
      const bool mine = claim(g);
      if (o == outcome::closed) c->guard.release();
      if (!mine) park(g, {wait_reason::chan_send, c, where}, nullptr, nullptr);
      end_claimable(g);
      if (o == outcome::closed) throw panic("send on closed channel");
      return {};
    }
    record_wait(g, wait_info{wait_reason::chan_send, c, where});
    why = wait_in(*c, c->senders, g, element, wait.mask());
  }
  if (why == interrupt::unwind) throw_interrupt(why);
  if (why != 0) {
    const std::error_code ended = wait.error(why);
    if (c != nullptr) record_leaving(*c, true, g, where, left_because(ended));
    return ended;
  }
  if (!g->single.success) throw panic("send on closed channel");
  return {};
}

std::error_code chan_recv_until(chan_core* c, void* element, wait_limit limit,
                                site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  goroutine* g = current_goroutine();
  if (limit.context != nullptr) {
    if (std::error_code ended = the_context_waits.load()->error(limit.context)) {
      if (c != nullptr) record_leaving(*c, false, g, where, left_because(ended));
      return ended;
    }
  }
  if (c != nullptr) {
    if (std::error_code e = chan_try_recv(c, element, where); e != errc::would_block) return e;
  }
  limited_wait wait(g, limit);
  std::uint8_t why;
  if (c == nullptr) {
    if (!interrupted_before_park(g))
      park(g, {wait_reason::chan_receive_nil, nullptr, where}, nullptr, nullptr);
    why = end_claimable(g);
  } else {
    c->guard.acquire();
    const outcome o = accept(*c, element, g, where);
    if (o != outcome::would_block) {
      const bool mine = claim(g);
      if (o == outcome::closed) c->guard.release();
      if (!mine) park(g, {wait_reason::chan_receive, c, where}, nullptr, nullptr);
      end_claimable(g);
      return o == outcome::done ? std::error_code() : make_error_code(errc::closed);
    }
    record_wait(g, wait_info{wait_reason::chan_receive, c, where});
    why = wait_in(*c, c->receivers, g, element, wait.mask());
  }
  if (why == interrupt::unwind) throw_interrupt(why);
  if (why != 0) {
    const std::error_code ended = wait.error(why);
    if (c != nullptr) record_leaving(*c, false, g, where, left_because(ended));
    return ended;
  }
  return g->single.success ? std::error_code() : make_error_code(errc::closed);
}

std::size_t chan_len(const chan_core* c) noexcept {
  return c == nullptr || c->timer_channel ? 0 : count_of(*c);
}
std::size_t chan_cap(const chan_core* c) noexcept {
  return c == nullptr || c->timer_channel ? 0 : c->capacity;
}
bool chan_closed(const chan_core* c) noexcept { return c != nullptr && is_closed(*c); }

}  // namespace detail
TAUT_END_NAMESPACE
