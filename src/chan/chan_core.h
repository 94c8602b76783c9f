// SPDX-License-Identifier: Apache-2.0
// The channel: a ring of elements of one erased type, and two queues of waiters.
//
// Invariants, whenever guard is free
//   senders or receivers is empty, unless one goroutine selects on both sides of this channel.
//   If elements are buffered, receivers is empty. If there is room, senders is empty. (Waiters
//   whose wait was ended by an interrupt may linger until they unlink themselves: taking one out
//   fails its claim.)
//   sender has the bit `looks`, or receivers is empty; always, where at_once was never set. So with
//   receiver and senders.
//
// States
//   open -> closed, once. Closed: both queues are empty; receives drain, then yield nothing.
//
// Life
//   In a slab block that is never unmapped. The handle count starts with the maker's; at zero the
//   channel is destroyed, unless somebody still waits on it, who then never can be woken: it stays
//   as the evidence.
//
// Locks
//   guard (rank::chan); then rank::sched through ready(). Several channels in address order, by
//   select. Never parks while holding: the lock crosses the switch and is released by the commit.
//
// Memory order
//   MO-1  relaxed: count and closed, peeked without the lock by operations that do not wait. They
//         see some recent state, which is all a poll can promise; what they then do is decided
//         under the lock.
//   MO-2  relaxed: facts for diagnosis, written under the lock.
//
// Cost
//   A small element into a buffer, or out of it: one locked operation, and the first line alone
//   while the same goroutines go on at the same places. Instructions: bench/README.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/count_up.h"
#include "base/lock.h"
#include "base/recording.h"
#include "base/store_if_changed.h"
#include "sched/goroutine.h"
#include "sched/park.h"
#include "taut/detail/chan_core.h"
#include "taut/detail/lock_record.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Waiters in arrival order. Guarded by the channel's lock.
struct wait_queue {
  std::atomic<waiter*> first{nullptr};  // also peeked without the lock
  waiter* last = nullptr;

  waiter* head() const noexcept { return first.load(std::memory_order_relaxed); }  // MO-1
  bool empty() const noexcept { return head() == nullptr; }
  void append(waiter& w) noexcept {
    w.next = nullptr;
    w.previous = last;
    w.queue = this;
    set_next(last, &w);
    last = &w;
  }
  void unlink(waiter& w) noexcept {
    set_next(w.previous, w.next);
    (w.next != nullptr ? w.next->previous : last) = w.previous;
    w.queue = nullptr;
  }
  // As above, of the head.
  void unlink_first(waiter& w) noexcept {
    first.store(w.next, std::memory_order_relaxed);  // MO-1: under the lock
    (w.next != nullptr ? w.next->previous : last) = nullptr;
    w.queue = nullptr;
  }
  // Forgets everybody, of an owner that is made anew.
  void clear() noexcept {
    first.store(nullptr, std::memory_order_relaxed);  // MO-1
    last = nullptr;
  }
  // The first whose wait nobody else ended; it is the caller's to wake.
  waiter* take_first() noexcept {
    while (waiter* w = head()) {
      unlink(*w);
      if (take(*w)) {
        w->g->woken_by = w;
        return w;
      }
    }
    return nullptr;
  }

 private:
  void set_next(waiter* of, waiter* w) noexcept {
    if (of != nullptr) {
      of->next = w;
    } else {
      first.store(w, std::memory_order_relaxed);  // MO-1: under the lock
    }
  }
};

// Who did something, and where: evidence. Written under the lock, read by diagnosis without it.
struct chan_fact {
  std::atomic<std::uint64_t> owner{0};  // the goroutine, as detail::state_of() has it
  std::atomic<site> where{};
  void set(std::uint64_t by, site at) noexcept {
    if constexpr (!records) return;
    owner.store(by, std::memory_order_relaxed);  // MO-2
    where.store(at, std::memory_order_relaxed);  // MO-2
  }
};

// Who does something, and where, in one word, so that one comparison tells that both are as before.
// by: as detail::state_of() has it, its bytes reversed, so that numbers differ where addresses do
// not. Two are the same for different callers only if their places lie as far apart as one number's
// reversed bytes from the other's: never within a module before the 2^28th goroutine, and then, or
// between modules, by a chance of less than 2^-29. Even, but for detail::look_closer, up to the
// 2^52nd goroutine: 14 years of ten million a second.
TAUT_ALWAYS_INLINE std::uint64_t signature_of(std::uint64_t by, site where) noexcept {
  if constexpr (!records) return by;
  return __builtin_bswap64(by) + reinterpret_cast<std::uintptr_t>(where.data);
}
// Who signed, there.
inline std::uint64_t signer_of(std::uint64_t signature, site where) noexcept {
  return __builtin_bswap64(signature - reinterpret_cast<std::uintptr_t>(where.data));
}
TAUT_ALWAYS_INLINE bool must_look_closer(std::uint64_t signature) noexcept {
  return (signature & 1) != 0;
}
static_assert(alignof(detail::site_data) % 8 == 0);

// Why a wait for this channel was given up.
enum class left_for : std::uint8_t { nothing, other_case, timeout, context };

// The last receiver, or sender, that gave up: evidence for who still waits on the other side.
struct chan_leaving {
  chan_fact by;                         // the owner is a leaver()
  std::atomic<std::uint64_t> after{0};  // so many receives; or so many sends less the capacity,
                                        // which are the receives when the buffer is full
  // The goroutine, as detail::state_of() has it, and in the bits that a lock has for itself why.
  static constexpr std::uint64_t leaver(std::uint64_t state, left_for why) noexcept {
    return state | static_cast<std::uint64_t>(why);
  }
  left_for why() const noexcept {
    return static_cast<left_for>(by.owner.load(std::memory_order_relaxed) % 16);  // MO-2
  }
};
static_assert(detail::owner_shift == 4);

}  // namespace rt

namespace detail {

// Two cache lines are what an operation touches, evidence and all, the second mostly to read; the
// third is touched when handles are made and die.
struct alignas(64) chan_core {
  rt::lock guard{rt::rank::chan};
  bool orphan = false;         // no handle is left, yet somebody waits: it is not freed
  bool timer_channel = false;  // fed by a timer: its buffer of one tick does not show
  bool of_context = false;     // a context closes it: made without a receiving handle
  std::atomic<bool> closed{false};
  bool half_words = false;  // elements are of 4 bytes; used if at_once is not 0
  std::uint32_t capacity = 0;
  std::atomic<std::uint32_t> count{0};  // buffered elements
  std::uint32_t mask = 0;               // the ring has a power of two of slots, one more than this
  std::uint32_t at_once = 0;  // the capacity, if elements are small; 0: closed, or of a timer
  std::byte* buffer = nullptr;
  const elem_ops* ops = nullptr;
  std::atomic<std::uint64_t> receives{0};  // where the oldest element is in the ring; and evidence:
                                           // there were as many sends, and what is buffered
  // Evidence: the signature of who sent, and received, last. Without `looks` that one need not look
  // at anything else: one comparison tells that the caller need not look closer, that nobody waits
  // on the other side, and that the facts are true as they are.
  static constexpr std::uint64_t looks = 1;
  std::atomic<std::uint64_t> sender{looks}, receiver{looks};

  // --- Second line.
  rt::wait_queue receivers, senders;
  std::atomic<site> sent_at{}, received_at{};    // evidence: where
  std::atomic<std::uint64_t> previous_sender{};  // evidence: before the last, if that one waited
  std::atomic<site> previously_sent_at{};

  // --- Third line.
  std::atomic<std::uint64_t> handles{0};                 // sending low, receiving high
  void (*no_receiver)(void* feeder) noexcept = nullptr;  // called when the last receiving handle
                                                         // dies
  void* feeder = nullptr;                                // a timer, or the context that closes it
  bool typed = false;                                    // closes when its last sending handle dies
  bool watches_ends = false;                             // typed, or no_receiver is set
  // --- Evidence.
  std::atomic<std::uintptr_t> dropped_at{0};  // where a handle ended last
  std::atomic<bool> ticked{false};            // a timer that ticks once did; it may tick again if
                                              // somebody owns it
  std::uint64_t maker = 0;
  site made;
  rt::chan_fact closer;
  rt::chan_leaving left[2];  // a receiver, a sender

  // Notes who sends, or receives: its signature, and where. Under the lock.
  void note_send(std::uint64_t by, site where) noexcept {
    if constexpr (!rt::records) return;
    if (!is_last_send(by)) note_other_send(by, where);
  }
  // As above, of one that waits: then it is told who was before it.
  void note_waiting_send(std::uint64_t by, site where) noexcept {
    if constexpr (!rt::records) return;
    note_before();
    if (!is_last_send(by)) note_other_send(by, where);
  }
  void note_receive(std::uint64_t by, site where) noexcept {
    if constexpr (!rt::records) return;
    if (!is_last_receive(by)) note_other_receive(by, where);
  }
  // False too of the last one if it need not look: to note it once more says the same.
  bool is_last_send(std::uint64_t by) const noexcept {
    return !rt::records || TAUT_LIKELY(rt::holds(sender, by | looks));
  }
  bool is_last_receive(std::uint64_t by) const noexcept {
    return !rt::records || TAUT_LIKELY(rt::holds(receiver, by | looks));
  }
  // The same, by what a signature differs from `sender`, or `receiver`; and that signature again.
  static bool is_last(std::uint64_t difference) noexcept {
    return !rt::records || TAUT_LIKELY(difference <= looks);
  }
  static std::uint64_t signature_again(const std::atomic<std::uint64_t>& who,
                                       std::uint64_t difference) noexcept {
    return rt::records ? difference ^ who.load(std::memory_order_relaxed) : difference;  // MO-2
  }
  // Of one that is known to be another.
  void note_other_send(std::uint64_t by, site where) noexcept {
    sender.store(by | looks, std::memory_order_relaxed);  // MO-2
    rt::store_if_changed(sent_at, where);
  }
  void note_other_receive(std::uint64_t by, site where) noexcept {
    receiver.store(by | looks, std::memory_order_relaxed);  // MO-2
    rt::store_if_changed(received_at, where);
  }
  // What was the last send is the one before it, from now on.
  void note_before() noexcept {
    if constexpr (!rt::records) return;
    // Whether it looks changes while the sender is the same.
    const std::uint64_t last = sender.load(std::memory_order_relaxed) | looks;  // MO-2
    // Of one that waits again and again it is the same: decision 0021.
    if (TAUT_LIKELY(rt::holds(previous_sender, last))) return;
    previous_sender.store(last, std::memory_order_relaxed);  // MO-2
    previously_sent_at.store(sent_at.load(std::memory_order_relaxed),
                             std::memory_order_relaxed);  // MO-2
  }
  // That the last one need not look: nobody waits on the other side.
  static void at_once_again(std::atomic<std::uint64_t>& who) noexcept {
    if constexpr (!rt::records) return;
    who.store(who.load(std::memory_order_relaxed) & ~looks, std::memory_order_relaxed);  // MO-2
  }
  // Mostly it has to already, as in store_if_changed.h.
  static void has_to_look(std::atomic<std::uint64_t>& who) noexcept {
    if constexpr (!rt::records) return;
    if (TAUT_UNLIKELY(!rt::is_odd(who)))
      who.store(who.load(std::memory_order_relaxed) + looks, std::memory_order_relaxed);  // MO-2
  }
  // Under no lock, before anybody else has a handle.
  void call_without_receiver(void (*f)(void* feeder) noexcept, void* of) noexcept {
    no_receiver = f;
    feeder = of;
    watches_ends = true;
  }
  // Puts a waiter to those who wait to send, or to receive. Under the lock.
  void add_sender(rt::waiter& w) noexcept {
    has_to_look(receiver);
    senders.append(w);
  }
  void add_receiver(rt::waiter& w) noexcept {
    has_to_look(sender);
    receivers.append(w);
  }

  // Of the element after `behind` of those that are buffered. Under the lock.
  std::byte* slot(std::uint32_t behind) const noexcept {
    const auto oldest =
        static_cast<std::uint32_t>(receives.load(std::memory_order_relaxed));  // MO-2
    return buffer + std::size_t{(oldest + behind) & mask} * ops->size;
  }
};

// Of a channel at rest; else one may be missing, or counted twice.
inline std::uint64_t sends_of(const chan_core& c) noexcept {
  return c.receives.load(std::memory_order_relaxed) +  // MO-2
         c.count.load(std::memory_order_relaxed);      // MO-1
}

// A handle of the runtime's own ends, which no evidence is about: a feeder's, a context's. c is not
// typed, and its feeder does not ask.
void chan_unref_runtime(chan_core* c, std::uint64_t rights) noexcept;

// The waits of goroutine g, which is noted and has c's lock. Commands know them by their names.
void chan_send_waits(chan_core* c, void* element, site where, rt::goroutine* g);
bool chan_recv_waits(chan_core* c, void* element, site where, rt::goroutine* g);

static_assert(offsetof(chan_core, receivers) == 64 && offsetof(chan_core, handles) == 128);

inline std::uint32_t senders_of(std::uint64_t handles) noexcept {
  return static_cast<std::uint32_t>(handles);
}
inline std::uint32_t receivers_of(std::uint64_t handles) noexcept {
  return static_cast<std::uint32_t>(handles >> 32);
}

}  // namespace detail

namespace rt {

using detail::chan_core;

// What an operation that does not wait found.
enum class outcome : std::uint8_t {
  done,         // the lock was released, and whoever had to be woken was
  closed,       // the lock is still held
  would_block,  // the lock is still held
};

// by: the signature of the caller, at where.
outcome offer(chan_core& c, void* element, std::uint64_t by,
              site where) noexcept TAUT_LOCKS_BY_HAND;
outcome accept(chan_core& c, void* element, std::uint64_t by,
               site where) noexcept TAUT_LOCKS_BY_HAND;

// To or from the first who waits, and for nothing else. c's lock is held, and released; the caller
// is noted.
void send_to_first(chan_core& c, void* element) noexcept TAUT_LOCKS_BY_HAND;
bool recv_from_first(chan_core& c, void* element) noexcept TAUT_LOCKS_BY_HAND;  // true

TAUT_ALWAYS_INLINE std::uint64_t state_of(const goroutine* g) noexcept {
  return detail::state_of(g->id.load(std::memory_order_relaxed));  // MO-2
}

// Calls f with the slot of a small element after `behind` others, as what it is.
template <class F>
TAUT_ALWAYS_INLINE void at_slot(const chan_core& c, std::uint32_t behind, F f) noexcept {
  const auto oldest =
      static_cast<std::uint32_t>(c.receives.load(std::memory_order_relaxed));  // MO-2
  const std::size_t at = (oldest + behind) & c.mask;
  if (TAUT_LIKELY(!c.half_words)) {
    f(reinterpret_cast<std::uint64_t*>(c.buffer) + at);
  } else {
    f(reinterpret_cast<std::uint32_t*>(c.buffer) + at);
  }
}

// A small element goes into the buffer, of which n are used, or comes out. With c's lock held,
// which is released; who calls is noted, and nobody waits.
TAUT_ALWAYS_INLINE void put_small(chan_core& c, void* element,
                                  std::uint32_t n) noexcept TAUT_LOCKS_BY_HAND {
  at_slot(c, n, [&](auto* slot) { std::memcpy(slot, element, sizeof *slot); });
  c.count.store(n + 1, std::memory_order_relaxed);  // MO-1
  c.guard.release();
}
TAUT_ALWAYS_INLINE void take_small(chan_core& c, void* element,
                                   std::uint32_t n) noexcept TAUT_LOCKS_BY_HAND {
  at_slot(c, 0, [&](auto* slot) { std::memcpy(element, slot, sizeof *slot); });
  c.count.store(n - 1, std::memory_order_relaxed);  // MO-1
  count_up(c.receives);
  c.guard.release();
}

// The usual case of both: it can be done at once. True: it was. No call, few registers. by: the
// caller's signature; false leaves what c's `sender`, or `receiver`, differs from it by.
TAUT_ALWAYS_INLINE bool offer_at_once(chan_core& c, void* element,
                                      std::uint64_t& by) noexcept TAUT_LOCKS_BY_HAND {
  if (TAUT_UNLIKELY(records ? !holds_else_difference(c.sender, by) : !c.receivers.empty()))
    return false;
  const std::uint32_t n = c.count.load(std::memory_order_relaxed);  // MO-1
  if (TAUT_UNLIKELY(n >= c.at_once)) return false;
  put_small(c, element, n);
  return true;
}
TAUT_ALWAYS_INLINE bool accept_at_once(chan_core& c, void* element,
                                       std::uint64_t& by) noexcept TAUT_LOCKS_BY_HAND {
  if (TAUT_UNLIKELY(records ? !holds_else_difference(c.receiver, by) : !c.senders.empty()))
    return false;
  const std::uint32_t n = c.count.load(std::memory_order_relaxed);  // MO-1
  if (TAUT_UNLIKELY(n - 1 >= c.at_once)) return false;
  take_small(c, element, n);
  return true;
}

// By its size, or by the function that its type needs.
TAUT_ALWAYS_INLINE void move_element(const chan_core& c, void* to, void* from) noexcept {
  if (c.ops->move != nullptr) {
    c.ops->move(to, from);
  } else if (TAUT_LIKELY(c.ops->size == 8)) {
    std::memcpy(to, from, 8);
  } else if (c.ops->size != 0) {
    std::memcpy(to, from, c.ops->size);
  }
}

// Notes that somebody, a chan_leaving::leaver(), gave up to send to c, or to receive from it. With
// c's lock held, and after as chan_leaving has it; and without.
TAUT_ALWAYS_INLINE void record_left(chan_core& c, bool sends, std::uint64_t leaver, site where,
                                    std::uint64_t after) noexcept {
  if constexpr (!records) return;
  chan_leaving& l = c.left[sends ? 1 : 0];
  l.by.set(leaver, where);
  l.after.store(after, std::memory_order_relaxed);  // MO-2
}
void record_leaving(chan_core& c, bool sends, goroutine* g, site where, left_for why) noexcept;

// Closes c if it is open, on behalf of the runtime: no choice point, nobody need be running. May be
// called under locks that come before the channel's.
void close_from_runtime(chan_core& c, std::uint64_t closer, site where) noexcept;

// For ever, unless an interrupt comes: nil channels, select without cases.
void block_forever(wait_reason why, site where);

}  // namespace rt
TAUT_END_NAMESPACE
