// SPDX-License-Identifier: Apache-2.0
// Sending, receiving, closing: the operations of one channel. See chan_core.h for invariants and
// locks.
//
// Memory order
//   MO-1  as in chan_core.h: peeks without the lock.
//   MO-2  as in chan_core.h: evidence.
//   MO-3  relaxed: the caller's own word.
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

// Wakes a waiter that was taken out and handed what it waited for.
TAUT_ALWAYS_INLINE void wake(chan_core& c, waiter* w) noexcept TAUT_LOCKS_BY_HAND {
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

// Parks the caller, whose channel is locked, to send or to receive; it has recorded the wait.
// Returns 0 when a partner (or close) ended it, else the interrupt.
TAUT_ALWAYS_INLINE std::uint8_t wait_in(chan_core& c, bool sends, goroutine* g, void* element,
                                        std::uint8_t mask) noexcept TAUT_LOCKS_BY_HAND {
  waiter& w = g->single;
  w.element = element;
  w.success = false;
  w.claimable = mask != 0;
  sends ? c.add_sender(w) : c.add_receiver(w);
  if (TAUT_UNLIKELY(mask != 0) && interrupted_before_park(g)) {
    (sends ? c.senders : c.receivers).unlink(w);
    c.guard.release();
    return end_claimable(g);
  }
  c.guard.announce_release();
  park_recorded(g, release_lock, &c.guard);
  // Asked of memory, in place of a register that would have to be saved.
  if (TAUT_LIKELY(g->wait_mask.load(std::memory_order_relaxed) == 0)) return 0;  // MO-3
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
    const std::uint8_t some = interrupts_for(g, asked);
    const std::uint8_t mask = some == 0 ? interrupt::none : some;  // a context that never ends
    begin_claimable(g, mask);
    return mask;
  }
  const std::uint8_t mask_;
  context_wait_scope context_;
  wait_deadline deadline_;
};

// An element goes straight to a waiting receiver that was taken out, or comes from a sender.
TAUT_ALWAYS_INLINE void hand_to(chan_core& c, waiter* w,
                                void* element) noexcept TAUT_LOCKS_BY_HAND {
  count_up(c.receives);
  if (w->element != nullptr) move_element(c, w->element, element);
  wake(c, w);
}
TAUT_ALWAYS_INLINE void take_from(chan_core& c, waiter* w,
                                  void* element) noexcept TAUT_LOCKS_BY_HAND {
  count_up(c.receives);
  move_element(c, element, w->element);
  wake(c, w);
}

}  // namespace

outcome offer(chan_core& c, void* element, std::uint64_t by, site where) noexcept {
  if (TAUT_UNLIKELY(is_closed(c))) return outcome::closed;
  if (waiter* w = c.receivers.take_first()) {
    c.note_send(by, where);
    if (c.at_once != 0 && c.receivers.empty()) chan_core::at_once_again(c.sender);
    hand_to(c, w, element);
    return outcome::done;
  }
  const std::uint32_t n = count_of(c);
  if (n == c.capacity) return outcome::would_block;
  c.note_send(by, where);
  if (c.at_once != 0) chan_core::at_once_again(c.sender);
  move_element(c, c.slot(n), element);
  set_count(c, n + 1);
  c.guard.release();
  return outcome::done;
}

outcome accept(chan_core& c, void* element, std::uint64_t by, site where) noexcept {
  const std::uint32_t n = count_of(c);
  waiter* const w = c.senders.take_first();
  if (n == 0 && w == nullptr) return is_closed(c) ? outcome::closed : outcome::would_block;
  c.note_receive(by, where);
  if (c.at_once != 0 && c.senders.empty()) chan_core::at_once_again(c.receiver);
  if (n == 0) {
    take_from(c, w, element);
    return outcome::done;
  }
  std::byte* oldest = c.slot(0);
  move_element(c, element, oldest);
  if (c.ops->destroy != nullptr) c.ops->destroy(oldest);
  count_up(c.receives);
  if (w != nullptr) {
    // A full buffer: the first waiting sender's value comes to the end of the line.
    move_element(c, c.slot(n - 1), w->element);
    wake(c, w);
  } else {
    set_count(c, n - 1);
    c.guard.release();
  }
  return outcome::done;
}

void send_to_first(chan_core& c, void* element) noexcept {
  waiter* const w = c.receivers.head();
  c.receivers.unlink_first(*w);
  if (c.at_once != 0 && c.receivers.empty()) chan_core::at_once_again(c.sender);
  hand_to(c, w, element);
}

bool recv_from_first(chan_core& c, void* element) noexcept {
  waiter* const w = c.senders.head();
  c.senders.unlink_first(*w);
  take_from(c, w, element);
  return true;
}

void record_leaving(chan_core& c, bool sends, goroutine* g, site where, left_for why) noexcept {
  if constexpr (!records) return;
  hold h(c.guard);
  const std::uint64_t after = sends ? detail::sends_of(c) - c.capacity
                                    : c.receives.load(std::memory_order_relaxed);  // MO-2
  record_left(c, sends, chan_leaving::leaver(state_of(g), why), where, after);
}

void block_forever(wait_reason why, site where) {
  goroutine* g = current_goroutine();
  for (;;) {
    const std::uint8_t mask = interrupts_for(g, 0);
    if (mask == 0) {
      g->single.queue = g;  // in no queue, and yet it waits, and for ever: is_linked()
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

// The caller has not got the lock yet: it passes a choice point, or is no goroutine.
goroutine* lock_slowly(chan_core* c, wait_reason nil, site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  if (c == nullptr) block_forever(nil, where);
  goroutine* g = current_goroutine();
  c->guard.acquire();
  return g;
}

// --- What is not done at once. me: the signature of the caller, at where. A wait has one place in
// the code, however it was come to: profiles group by addresses, and each way is a chain of tail
// calls (which CMakeLists.txt asks for). What is usual needs no saved registers.

}  // namespace

TAUT_NOINLINE void chan_send_waits(chan_core* c, void* element, site where,
                                   goroutine* g) TAUT_LOCKS_BY_HAND {
  record_queued_wait(g, wait_reason::chan_send, where);  // needs a register the less here
  const std::uint8_t mask = interrupts_for(g, 0);
  if (TAUT_UNLIKELY(mask != 0)) begin_claimable(g, mask);
  const std::uint8_t why = wait_in(*c, true, g, element, mask);
  if (TAUT_UNLIKELY(why != 0)) {
    record_leaving(*c, true, g, recorded_site(g), left_for::context);
    throw_interrupt(why);
  }
  if (TAUT_UNLIKELY(!g->single.success)) throw panic("send on closed channel");
}
TAUT_NOINLINE bool chan_recv_waits(chan_core* c, void* element, site where,
                                   goroutine* g) TAUT_LOCKS_BY_HAND {
  record_queued_wait(g, wait_reason::chan_receive, where);  // needs a register the less here
  const std::uint8_t mask = interrupts_for(g, 0);
  if (TAUT_UNLIKELY(mask != 0)) begin_claimable(g, mask);
  const std::uint8_t why = wait_in(*c, false, g, element, mask);
  if (TAUT_UNLIKELY(why != 0)) {
    record_leaving(*c, false, g, recorded_site(g), left_for::context);
    throw_interrupt(why);
  }
  return g->single.success;
}

namespace {

// Whoever waits on the other side, whoever calls. c is locked if me need not look closer.
TAUT_NOINLINE void send_generally(chan_core* c, void* element, site where,
                                  std::uint64_t me) TAUT_LOCKS_BY_HAND {
  if (must_look_closer(me))
    me = signature_of(state_of(lock_slowly(c, wait_reason::chan_send_nil, where)), where);
  const outcome o = offer(*c, element, me, where);
  if (o == outcome::done) return;
  if (o == outcome::closed) {
    c->guard.release();
    throw panic("send on closed channel");
  }
  c->note_waiting_send(me, where);
  chan_send_waits(c, element, where, current_goroutine());
}
TAUT_NOINLINE bool recv_generally(chan_core* c, void* element, site where,
                                  std::uint64_t me) TAUT_LOCKS_BY_HAND {
  if (must_look_closer(me))
    me = signature_of(state_of(lock_slowly(c, wait_reason::chan_receive_nil, where)), where);
  const outcome o = accept(*c, element, me, where);
  if (o == outcome::done) return true;
  if (o == outcome::closed) {
    c->guard.release();
    return false;
  }
  c->note_receive(me, where);
  return chan_recv_waits(c, element, where, current_goroutine());
}

// By one that is noted, and from now on need not look at anything else. Functions of their own: the
// ways to a partner need the fewer registers.
TAUT_NOINLINE void put_by_new(chan_core* c, void* element) noexcept TAUT_LOCKS_BY_HAND {
  chan_core::at_once_again(c->sender);
  put_small(*c, element, count_of(*c));
}
TAUT_NOINLINE bool take_by_new(chan_core* c, void* element) noexcept TAUT_LOCKS_BY_HAND {
  chan_core::at_once_again(c->receiver);
  take_small(*c, element, count_of(*c));
  return true;
}

// c is locked by goroutine me. noted: it is the last already, and me is not looked at.
TAUT_ALWAYS_INLINE void send_locked(chan_core* c, void* element, site where, std::uint64_t me,
                                    bool noted) TAUT_LOCKS_BY_HAND {
  if (waiter* const w = c->receivers.head(); w != nullptr) {
    if (TAUT_LIKELY(!w->claimable)) {
      if (!noted) c->note_other_send(me, where);
      return send_to_first(*c, element);
    }
  } else if (const std::uint32_t n = count_of(*c); n < c->at_once) {
    if (!noted) c->note_other_send(me, where);
    return put_by_new(c, element);
  } else if (TAUT_LIKELY(n == c->capacity && !is_closed(*c))) {
    c->note_before();
    if (!noted) c->note_other_send(me, where);
    return chan_send_waits(c, element, where, current_worker()->current);
  }
  send_generally(c, element, where, noted ? c->sender.load() & ~chan_core::looks : me);
}
TAUT_ALWAYS_INLINE bool recv_locked(chan_core* c, void* element, site where, std::uint64_t me,
                                    bool noted) TAUT_LOCKS_BY_HAND {
  waiter* const w = c->senders.head();
  if (count_of(*c) == 0) {
    if (w != nullptr) {
      if (TAUT_LIKELY(!w->claimable)) {
        if (!noted) c->note_other_receive(me, where);
        return recv_from_first(*c, element);
      }
    } else if (TAUT_LIKELY(!is_closed(*c))) {
      if (!noted) c->note_other_receive(me, where);
      return chan_recv_waits(c, element, where, current_worker()->current);
    }
  } else if (w == nullptr && c->at_once != 0) {
    if (!noted) c->note_other_receive(me, where);
    return take_by_new(c, element);
  }
  return recv_generally(c, element, where, noted ? c->receiver.load() & ~chan_core::looks : me);
}

// The caller gets c's lock; or not, and me says that it must look closer.
TAUT_ALWAYS_INLINE bool get_lock(chan_core* c, site where,
                                 std::uint64_t& me) noexcept TAUT_LOCKS_BY_HAND {
  me = signature_of(c == nullptr ? look_closer : thread_owner_state(), where);
  if (TAUT_UNLIKELY(must_look_closer(me))) return false;
  c->guard.acquire();
  return true;
}
TAUT_NOINLINE void send_slowly(chan_core* c, void* element, site where) TAUT_LOCKS_BY_HAND {
  std::uint64_t me;
  if (TAUT_LIKELY(get_lock(c, where, me)))
    return send_locked(c, element, where, me, c->is_last_send(me));
  send_generally(c, element, where, me);
}
TAUT_NOINLINE bool recv_slowly(chan_core* c, void* element, site where) TAUT_LOCKS_BY_HAND {
  std::uint64_t me;
  if (TAUT_LIKELY(get_lock(c, where, me)))
    return recv_locked(c, element, where, me, c->is_last_receive(me));
  return recv_generally(c, element, where, me);
}

// The caller may go the usual way, as far as can be said without the lock, and has it now.
TAUT_ALWAYS_INLINE bool lock_usually(chan_core* c, std::uint64_t me) noexcept TAUT_LOCKS_BY_HAND {
  if constexpr (!records) {
    if (TAUT_UNLIKELY(me == look_closer)) return false;
  }
  return TAUT_LIKELY(c != nullptr) && TAUT_LIKELY(c->guard.acquire_at_once());
}

// lock_usually() has the lock. difference: of the caller's signature. It may have to look closer,
// and nobody notes that one.
TAUT_NOINLINE void send_or_wait(chan_core* c, void* element, site where,
                                std::uint64_t difference) TAUT_LOCKS_BY_HAND {
  if (chan_core::is_last(difference)) return send_locked(c, element, where, 0, true);
  const std::uint64_t me = chan_core::signature_again(c->sender, difference);
  if (TAUT_LIKELY(!must_look_closer(me))) return send_locked(c, element, where, me, false);
  c->guard.release();
  send_generally(c, element, where, me);
}
TAUT_NOINLINE bool recv_or_wait(chan_core* c, void* element, site where,
                                std::uint64_t difference) TAUT_LOCKS_BY_HAND {
  if (chan_core::is_last(difference)) return recv_locked(c, element, where, 0, true);
  const std::uint64_t me = chan_core::signature_again(c->receiver, difference);
  if (TAUT_LIKELY(!must_look_closer(me))) return recv_locked(c, element, where, me, false);
  c->guard.release();
  return recv_generally(c, element, where, me);
}

// Without tail calls a second way to a wait would be a second stack.
#if defined(TAUT_TSAN) || defined(TAUT_ASAN) || !defined(__OPTIMIZE__)
constexpr bool tail_calls = false;
#else
constexpr bool tail_calls = true;
#endif

}  // namespace

void chan_send(chan_core* c, void* element, site where) TAUT_LOCKS_BY_HAND {
  std::uint64_t me = signature_of(thread_owner_state(), where);
  if (TAUT_LIKELY(lock_usually(c, me))) {
    if (TAUT_LIKELY(offer_at_once(*c, element, me))) return;
    if (tail_calls) return send_or_wait(c, element, where, me);
    c->guard.release();
  }
  send_slowly(c, element, where);
}

bool chan_recv(chan_core* c, void* element, site where) TAUT_LOCKS_BY_HAND {
  std::uint64_t me = signature_of(thread_owner_state(), where);
  if (TAUT_LIKELY(lock_usually(c, me))) {
    if (TAUT_LIKELY(accept_at_once(*c, element, me))) return true;
    if (tail_calls) return recv_or_wait(c, element, where, me);
    c->guard.release();
  }
  return recv_slowly(c, element, where);
}

std::error_code chan_try_send(chan_core* c, void* element, site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  if (c == nullptr) return make_error_code(errc::would_block);
  c->guard.acquire();
  const outcome o = offer(*c, element, signature_of(state_of(current_goroutine()), where), where);
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
  const outcome o = accept(*c, element, signature_of(state_of(current_goroutine()), where), where);
  if (o == outcome::done) return {};
  c->guard.release();
  return make_error_code(o == outcome::closed ? errc::closed : errc::would_block);
}

std::error_code chan_send_until(chan_core* c, void* element, wait_limit limit,
                                site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  goroutine* g = current_goroutine();
  const std::uint64_t by = signature_of(state_of(g), where);
  if (limit.context != nullptr) {
    if (std::error_code ended = the_context_waits.load()->error(limit.context)) {
      if (c != nullptr) record_leaving(*c, true, g, where, left_because(ended));
      return ended;
    }
  }
  if (c != nullptr) {
    c->guard.acquire();
    const outcome o = offer(*c, element, by, where);
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
    const outcome o = offer(*c, element, by, where);
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
    record_queued_wait(g, wait_reason::chan_send, where);
    why = wait_in(*c, true, g, element, wait.mask());
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
  const std::uint64_t by = signature_of(state_of(g), where);
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
    const outcome o = accept(*c, element, by, where);
    if (o != outcome::would_block) {
      const bool mine = claim(g);
      if (o == outcome::closed) c->guard.release();
      if (!mine) park(g, {wait_reason::chan_receive, c, where}, nullptr, nullptr);
      end_claimable(g);
      return o == outcome::done ? std::error_code() : make_error_code(errc::closed);
    }
    record_queued_wait(g, wait_reason::chan_receive, where);
    why = wait_in(*c, false, g, element, wait.mask());
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
