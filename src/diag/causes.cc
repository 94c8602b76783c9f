// SPDX-License-Identifier: Apache-2.0
// The codes are those of docs/reference/diag.md. The order is the engine's: waits for ever; own
// lock, ended owner; circles by the kinds of their waits; what a stuck owner waits for; then
// channels by the side that is missing; then the rest. A row without a code is a consequence: who
// could wake the goroutine is stuck for a cause of its own, and that is the cause.
//
// Placeholders
//   {g} {blocked} {reason}                               the goroutine, where and why it waits
//   {owner} {locked} {owner_blocked} {owner_reason}      of the lock it waits for
//   {partner} {partner_blocked} {partner_reason}         the stuck goroutine that it waits for
//   {held} {lock_waiter} {lock_waiter_blocked}           a lock of its own, and who waits for it
//   {made} {maker} {cap} {len} {sends} {receives} {values}               of the channel
//   {receiver} {received} {sender} {sent} {left_by} {left} {dropped}     who used the channel last,
//                                                                        and where
//   {counter} {added} {signaled}                         of a wait group; of a condition
//   {context_made}                                       of the context that it waits for
#include "diag/causes.h"

#include "chan/chan_core.h"
#include "diag/sites.h"
#include "sched/wait_reason.h"
#include "sync/owner.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

bool waits(const evidence& e, wait_reason r) noexcept { return e.g.reason == r; }
bool for_lock(const evidence& e) noexcept { return e.lock.has_value() && e.owner_id != 0; }
bool for_own_lock(const evidence& e) noexcept { return for_lock(e) && e.owner_id == e.g.owner; }
bool in_circle(const evidence& e, int with) noexcept { return (e.circle & with) != 0; }
bool circle_of_only(const evidence& e, int kinds) noexcept {
  return e.circle != 0 && (e.circle & ~kinds) == 0;
}
constexpr int any_lock = wait_kind::lock | wait_kind::readers;
// Whom it waits for is stuck, and not because of it.
bool consequence(const evidence& e) noexcept { return e.circle == 0 && e.partner != nullptr; }

bool sender(const evidence& e) noexcept { return e.channel != nullptr && e.sends; }
bool receiver(const evidence& e) noexcept { return e.channel != nullptr && !e.sends; }
// Giving up was the last thing that the other side did here.
bool left_by(const evidence& e, left_for why) noexcept {
  const leaving_record& l = e.left();
  return l.why == static_cast<std::uint8_t>(why) && l.by.goroutine != e.g.id &&
         l.after == (e.sends ? e.channel->receives : e.channel->sends);
}
// The last two sends were this goroutine's, as far as is recorded.
bool only_sender(const evidence& e) noexcept {
  return e.channel->previous_send.goroutine == e.g.id && e.channel->last_send.goroutine == e.g.id;
}
bool at_one_place(const evidence& e) noexcept {
  return same_place(e.channel->previous_send.where, e.channel->last_send.where);
}

bool on_channel(const goroutine_record* g) noexcept {
  if (g == nullptr) return false;
  switch (g->reason) {
    case wait_reason::chan_send:
    case wait_reason::chan_receive:
    case wait_reason::select:
    case wait_reason::chan_receive_nil:
    case wait_reason::chan_send_nil:
    case wait_reason::select_no_cases:
    case wait_reason::context_done:
    case wait_reason::context_never:
      return true;
    default:
      return false;
  }
}
bool on_lock(const goroutine_record* g) noexcept {
  return g != nullptr &&
         (g->reason == wait_reason::mutex_lock || g->reason == wait_reason::rwmutex_rlock ||
          g->reason == wait_reason::rwmutex_lock);
}
bool receives(const goroutine_record* g) noexcept {
  return g != nullptr && g->reason == wait_reason::chan_receive;
}
bool on_group(const evidence& e) noexcept {
  return waits(e, wait_reason::wait_group_wait) || waits(e, wait_reason::scope_join);
}
bool reads_what_it_asks_for(const evidence& e) noexcept {
  if (!waits(e, wait_reason::rwmutex_rlock) || e.owner == nullptr) return false;
  const proofs::reader_list readers = e.verdicts.readers_of(e.s.find(e.owner->id));
  for (std::size_t i = 0; i < readers.count; ++i) {
    if (readers.ids[i] == e.g.owner) return true;
  }
  return false;
}

constexpr const char* make_first =
    "make the channel before it is used, or do not reset a handle that others still use";
constexpr const char* split_off =
    "unlock first, or split off a function that expects the lock to be held";
constexpr const char* one_order =
    "take both locks at once: std::scoped_lock(a, b); or always in one order";
constexpr const char* guard = "hold the lock by std::scoped_lock, which unlocks on every way out";
constexpr const char* out_of_lock = "move the channel operation out of the critical section";
constexpr const char* close_it =
    "close the channel when the last value is sent, or use make_chan, whose channel closes when "
    "its last sender dies";

constexpr cause causes[] = {
    // --- Waits for ever.
    {"R07", [](const evidence& e) noexcept { return waits(e, wait_reason::chan_receive_nil); },
     "goroutine {g} receives from a nil channel, which never yields anything", make_first,
     "blocked"},
    {"R07", [](const evidence& e) noexcept { return waits(e, wait_reason::chan_send_nil); },
     "goroutine {g} sends to a nil channel, which never takes anything", make_first, "blocked"},
    {"R07", [](const evidence& e) noexcept { return waits(e, wait_reason::select_no_cases); },
     "goroutine {g} selects without a case, which waits for ever",
     "return instead, or wait for a context: ctx.wait()", "blocked"},
    {"R07",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::select) && e.channel == nullptr;
     },
     "goroutine {g} selects over nil channels only",
     "make the channels first, or add a case that can run", "blocked"},
    {"R19", [](const evidence& e) noexcept { return waits(e, wait_reason::context_never); },
     "goroutine {g} waits for a context that can never end: nothing on the way to its root can be "
     "cancelled",
     "pass the context of the caller on, or make one by with_cancel or with_timeout", "blocked"},
    {"R38", [](const evidence& e) noexcept { return waits(e, wait_reason::semacquire_never); },
     "goroutine {g} asks the semaphore for more units than it has",
     "ask for at most as many units as the semaphore was made with", "blocked"},
    // --- Its own lock.
    {"R34", [](const evidence& e) noexcept { return for_own_lock(e) && e.lock->is_once; },
     "goroutine {g} calls once again at {blocked} from inside the function that it runs since "
     "{locked}",
     "do not call the once from its own function, not even through callbacks", "locked"},
    {"R24",
     [](const evidence& e) noexcept {
       return for_own_lock(e) && waits(e, wait_reason::rwmutex_rlock);
     },
     "goroutine {g} asks for a read lock at {blocked} while it holds the write lock since {locked}",
     split_off, "locked"},
    {"R24",
     [](const evidence& e) noexcept {
       return for_own_lock(e) && waits(e, wait_reason::rwmutex_lock);
     },
     "goroutine {g} asks for the write lock at {blocked} while it holds a read lock of the same "
     "mutex",
     "unlock_shared() first, and look again after lock() at what was read", "blocked"},
    {"R21", [](const evidence& e) noexcept { return for_own_lock(e) && e.again == relock::left; },
     "goroutine {g} locked at {locked} and did not unlock: it locks again at {blocked}", guard,
     "locked"},
    {"R20", for_own_lock,
     "goroutine {g} locks again at {blocked} what it holds since {locked}: the lock is not "
     "recursive",
     "split off a function that expects the lock to be held", "locked"},
    {"R23", reads_what_it_asks_for,
     "goroutine {g} holds a read lock and asks for another at {blocked}, behind writer {owner}, "
     "which waits at {owner_blocked} for the first to be given up",
     "do not lock_shared() twice: pass on that the lock is held", "owner_blocked"},
    // --- Owners that have ended.
    {"R21",
     [](const evidence& e) noexcept {
       return for_lock(e) && e.owner == nullptr && waits(e, wait_reason::rwmutex_lock);
     },
     "goroutine {owner} locked shared and ended without unlock_shared(); the writer waits at "
     "{blocked}",
     "hold the lock by std::shared_lock, which unlocks on every way out", "blocked"},
    {"R21", [](const evidence& e) noexcept { return for_lock(e) && e.owner == nullptr; },
     "goroutine {owner} locked at {locked} and ended without unlocking", guard, "locked"},
    // --- Circles with locks.
    {"R23",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::rwmutex_lock) && e.partner != nullptr &&
              e.partner->reason == wait_reason::rwmutex_rlock && e.partner->object == e.g.object;
     },
     "writer {g} waits for reader {partner}, which asks for a second read lock at "
     "{partner_blocked}, behind the writer",
     "do not lock_shared() twice: pass on that the lock is held", "partner_blocked"},
    {"R22",
     [](const evidence& e) noexcept {
       return for_lock(e) && circle_of_only(e, any_lock) && waits(e, wait_reason::rwmutex_lock);
     },
     "goroutine {g} waits for reader {partner}, which waits at {partner_blocked}, in a circle of "
     "locks",
     one_order, "partner_blocked"},
    {"R22", [](const evidence& e) noexcept { return for_lock(e) && circle_of_only(e, any_lock); },
     "goroutine {g} waits for the lock that goroutine {owner} holds since {locked}, and {owner} "
     "waits at {owner_blocked}, in a circle",
     one_order, "locked"},
    {"R25",
     [](const evidence& e) noexcept {
       return in_circle(e, any_lock) && in_circle(e, wait_kind::channel) && e.held.has_value();
     },
     "goroutine {g} holds a lock since {held} while it waits in {reason}; goroutine {lock_waiter}, "
     "which is needed to end that wait, waits for the lock at {lock_waiter_blocked}",
     out_of_lock, "held"},
    {"R25",
     [](const evidence& e) noexcept {
       return in_circle(e, any_lock) && in_circle(e, wait_kind::channel) && for_lock(e);
     },
     "goroutine {owner} holds the lock since {locked} while it waits in {owner_reason} at "
     "{owner_blocked}, for goroutine {g} or one that waits for it",
     out_of_lock, "locked"},
    {"R25",
     [](const evidence& e) noexcept {
       return in_circle(e, any_lock) && in_circle(e, wait_kind::channel);
     },
     "goroutine {g} waits for goroutine {partner}, which is stuck in {partner_reason} at "
     "{partner_blocked}, in a circle that leads through a lock",
     out_of_lock, "partner_blocked"},
    {"R26", [](const evidence& e) noexcept { return in_circle(e, any_lock) && e.held.has_value(); },
     "goroutine {g} holds a lock since {held} while it waits in {reason}; goroutine {lock_waiter}, "
     "which is needed to end that wait, waits for the lock at {lock_waiter_blocked}",
     "unlock before the wait", "held"},
    {"R26", [](const evidence& e) noexcept { return in_circle(e, any_lock) && for_lock(e); },
     "goroutine {owner} holds the lock since {locked} while it waits in {owner_reason} at "
     "{owner_blocked}, for goroutine {g} or one that waits for it",
     "unlock before the wait", "locked"},
    // --- Locks whose owner is stuck.
    {"", [](const evidence& e) noexcept { return for_lock(e) && on_lock(e.owner); },
     "goroutine {owner} holds the lock since {locked} and is itself stuck in {owner_reason} at "
     "{owner_blocked}",
     "", "owner_blocked"},
    {"R25", [](const evidence& e) noexcept { return for_lock(e) && on_channel(e.owner); },
     "goroutine {owner} holds the lock since {locked} and is itself stuck in {owner_reason} at "
     "{owner_blocked}",
     out_of_lock, "locked"},
    {"R26", for_lock,
     "goroutine {owner} holds the lock since {locked} and is itself stuck in {owner_reason} at "
     "{owner_blocked}",
     "unlock before the wait", "locked"},
    // --- Senders.
    {"R09",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->receives == 0 && e.left().why == 0 &&
              e.channel->maker == e.g.id && e.channel->capacity == 0 && e.partner == nullptr &&
              e.channel->receivers != 0;
     },
     "goroutine {g} sends to a channel that only it could receive from",
     "give the channel room, cap 1, or receive in another goroutine", "made"},
    {"R02", [](const evidence& e) noexcept { return sender(e) && left_by(e, left_for::timeout); },
     "the receiver, goroutine {left_by}, chose its timeout at {left} and left",
     "give the channel room for the answer that nobody waits for any more: cap 1", "left"},
    {"R18", [](const evidence& e) noexcept { return sender(e) && left_by(e, left_for::context); },
     "the receiver, goroutine {left_by}, left at {left} because its context ended, which the "
     "sender does not watch",
     "send with the context: c.send(ctx, value), or start the sender by scope::go", "left"},
    {"R10",
     [](const evidence& e) noexcept {
       return sender(e) && left_by(e, left_for::other_case) && e.channel->receives != 0;
     },
     "the loop of goroutine {left_by} that served this channel chose another case at {left} and "
     "stopped; the request came later",
     "select over the send and the loop's done channel, or close the requests when the loop stops",
     "left"},
    {"R02",
     [](const evidence& e) noexcept { return sender(e) && left_by(e, left_for::other_case); },
     "the receiver, goroutine {left_by}, chose another case at {left} and left",
     "give the channel room for the answer that nobody waits for any more: cap 1", "left"},
    {"R11",
     [](const evidence& e) noexcept { return sender(e) && circle_of_only(e, wait_kind::channel); },
     "goroutine {g} sends to goroutine {partner}, which is itself stuck in {partner_reason} at "
     "{partner_blocked}",
     "send in one direction only, or select over the send and the receive", "partner_blocked"},
    {"R28",
     [](const evidence& e) noexcept {
       return sender(e) && in_circle(e, wait_kind::group) && e.channel->capacity == 0;
     },
     "goroutine {g} sends to goroutine {partner}, which waits in {partner_reason} at "
     "{partner_blocked} for the sender to be done",
     "receive before the wait, or give the channel room for what is sent until then",
     "partner_blocked"},
    {"", [](const evidence& e) noexcept { return sender(e) && consequence(e); },
     "goroutine {partner}, which could receive, is itself stuck in {partner_reason} at "
     "{partner_blocked}",
     "", "partner_blocked"},
    {"R08",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->capacity != 0 && e.channel->receives == 0;
     },
     "the buffer of {cap} is full and nothing was ever received",
     "start the receiver before the sends, or give the buffer the room that the protocol needs",
     "made"},
    {"R04",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->capacity == 0 && e.channel->receives == 1 &&
              e.channel->sends == 1 && only_sender(e) && !at_one_place(e);
     },
     "goroutine {g} has sent already, and sends again at {blocked}; the receiver took one value at "
     "{received}",
     "return after the first send", "received"},
    {"R13",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->receives != 0 && only_sender(e) && at_one_place(e);
     },
     "goroutine {g} sends one value after another, and the consumer, goroutine {receiver}, stopped "
     "after {values}, the last at {received}{dropped}",
     "let the consumer own a context that ends the producer: start it by scope::go, or send with "
     "the context",
     "received"},
    {"R03",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->receives != 0 && e.channel->previous_send.goroutine != 0 &&
              !only_sender(e);
     },
     "several goroutines send, but only {values} were received, the last by goroutine "
     "{receiver} at {received}",
     "receive as often as is sent, give the channel room for all, or cancel the losers by a scope",
     "received"},
    {"R01", [](const evidence& e) noexcept { return sender(e) && e.channel->receives != 0; },
     "the receiver, goroutine {receiver}, left after {receives}, the last at {received}{dropped}",
     "drain the channel, close it from the receiver's side of the protocol, or send with a context",
     "received"},
    {"R01", sender, "nobody ever received from the channel made at {made}{dropped}",
     "give the channel room for what may stay unread, or receive on every path", "made"},
    // --- Receivers.
    {"R17",
     [](const evidence& e) noexcept {
       return receiver(e) && e.channel->of_context && e.channel->endless;
     },
     "the context made at {made} can never end: it was not cancelled, and its cancel gave up the "
     "duty to",
     "keep the cancel that with_cancel returned: it cancels when it dies", "made"},
    {"R17", [](const evidence& e) noexcept { return receiver(e) && e.channel->of_context; },
     "the context made at {made} can never end: it was not cancelled, and neither its handle nor "
     "its cancel exists any more",
     "keep the cancel that with_cancel returned: it cancels when it dies", "made"},
    {"R14", [](const evidence& e) noexcept { return receiver(e) && e.channel->spent; },
     "the timer made at {made} has fired and its only tick was received at {received}",
     "do not drain a timer: stop() leaves no tick behind", "received"},
    {"R11",
     [](const evidence& e) noexcept {
       return receiver(e) && circle_of_only(e, wait_kind::channel) &&
              (e.channel->sends == 0 || !receives(e.partner));
     },
     "goroutine {g} waits for goroutine {partner}, which is itself stuck in {partner_reason} at "
     "{partner_blocked}",
     "let one side begin: send before the first receive", "partner_blocked"},
    {"R05", [](const evidence& e) noexcept { return receiver(e) && e.circle != 0; },
     "nobody closed the channel made at {made}; goroutine {partner}, which could, waits in "
     "{partner_reason} at {partner_blocked} for the receiver to end",
     "close the channel before the wait", "partner_blocked"},
    {"", [](const evidence& e) noexcept { return receiver(e) && consequence(e); },
     "goroutine {partner}, which could send or close, is itself stuck in {partner_reason} at "
     "{partner_blocked}",
     "", "partner_blocked"},
    {"R18", [](const evidence& e) noexcept { return receiver(e) && left_by(e, left_for::context); },
     "the sender, goroutine {left_by}, left at {left} because its context ended, which the "
     "receiver does not watch",
     "receive with the context: c.recv(ctx), or start the receiver by scope::go", "left"},
    {"R05", [](const evidence& e) noexcept { return receiver(e) && left_by(e, left_for::timeout); },
     "the sender, goroutine {left_by}, chose its timeout at {left} and left without a close",
     close_it, "left"},
    {"R06",
     [](const evidence& e) noexcept {
       return receiver(e) && waits(e, wait_reason::select) && e.cases > 1 && e.only_receives;
     },
     "goroutine {g} waits for work or to be stopped, and nobody is left who could do either; the "
     "channel was made at {made}{dropped}",
     "let the owner's destructor stop and join the worker: give it a scope as a member", "made"},
    {"R05", [](const evidence& e) noexcept { return receiver(e) && e.channel->sends != 0; },
     "no sender is left and nobody closed the channel; the last send was goroutine {sender}'s at "
     "{sent}",
     close_it, "sent"},
    {"R05", receiver,
     "nobody ever sent to the channel made at {made}, and nobody closed it{dropped}",
     "close the channel on every path, or use make_chan, whose channel closes when its last sender "
     "dies",
     "made"},
    // --- The rest.
    {"R17", [](const evidence& e) noexcept { return waits(e, wait_reason::context_done); },
     "the context made at {context_made} can never end: it was not cancelled, and its cancel gave "
     "up the duty to",
     "keep the cancel that with_cancel returned: it cancels when it dies", "context_made"},
    {"R12",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::wait_group_wait) && e.object != nullptr &&
              same_place(e.g.created, seen_wait_group(*e.object).added);
     },
     "goroutine {g} belongs to the wait group, started at {added}, and waits for itself to be done",
     "wait in another goroutine, or after done()", "added"},
    {"R12",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::scope_join) && e.object != nullptr &&
              e.g.bound_to == reinterpret_cast<const void*>(e.object->words[0]);
     },
     "goroutine {g} belongs to the scope and waits for itself to end", "wait in another goroutine",
     "blocked"},
    {"R05",
     [](const evidence& e) noexcept {
       return on_group(e) && in_circle(e, wait_kind::channel) && receives(e.partner);
     },
     "goroutine {partner} receives at {partner_blocked} until somebody closes the channel, and "
     "goroutine {g}, which could, waits for it to be done",
     "close the channel before the wait", "partner_blocked"},
    {"",
     [](const evidence& e) noexcept { return waits(e, wait_reason::scope_join) && consequence(e); },
     "goroutine {partner} of the scope is itself stuck in {partner_reason} at {partner_blocked}",
     "", "partner_blocked"},
    {"R28", [](const evidence& e) noexcept { return on_group(e) && e.partner != nullptr; },
     "goroutine {partner}, which has to be done first, is itself stuck in {partner_reason} at "
     "{partner_blocked}",
     "let the workers end on every way: done() by wait_group::go, and waits that give up",
     "partner_blocked"},
    {"R28",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::wait_group_wait) && e.object != nullptr;
     },
     "the counter stands at {counter}: add() at {added}, and everybody known to call done() has "
     "ended or is stuck",
     "start the work by wait_group::go, which calls done() on every way out", "added"},
    {"R32",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::cond_wait) && e.object != nullptr &&
              seen_condition(*e.object).lost != 0;
     },
     "a signal at {signaled} came when nobody waited, and was lost",
     "wait with a predicate: c.wait(lock, [&] { return ready; })", "signaled"},
    {"R32",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::cond_wait) && e.partner != nullptr;
     },
     "goroutine {partner}, which could signal, is itself stuck in {partner_reason} at "
     "{partner_blocked}",
     "signal at every change of what is waited for", "partner_blocked"},
    {"R32", [](const evidence& e) noexcept { return waits(e, wait_reason::cond_wait); },
     "nobody is known who could signal the condition",
     "signal at every change of what is waited for", "blocked"},
    {"R38", [](const evidence& e) noexcept { return waits(e, wait_reason::semacquire); },
     "nobody is known who could release the semaphore",
     "hold the permit by an object that gives it back on every way out", "blocked"},
    {"R00", [](const evidence&) noexcept { return true; },
     "everybody known to be able to wake it is stuck",
     "see who holds what it waits for in the dump", "blocked"},
};

const cause& row_of(const evidence& e) noexcept {
  for (const cause& c : causes) {
    if (c.fits(e)) return c;
  }
  __builtin_unreachable();
}

}  // namespace

diagnosis diagnose(const evidence& e, frame_namer& names) {
  constexpr int most_steps = 64;
  const cause& row = row_of(e);
  const cause* root = &row;
  std::uint32_t at = e.index;
  std::uint32_t next = e.owner != nullptr ? e.verdicts.owner_of(e.index) : e.partner_index;
  if (next == mapped_index::none) next = e.partner_index;
  for (int step = 0; root->code[0] == 0 && step < most_steps; ++step) {
    if (next == mapped_index::none || next == at) break;
    at = next;
    const evidence of_next = evidence_of(e.verdicts, e.graph, at, names);
    root = &row_of(of_next);
    next = of_next.partner_index;
  }
  if (root->code[0] == 0) return {&row, "R00", "see who holds what it waits for in the dump"};
  return {&row, root->code, row.fix[0] != 0 ? row.fix : root->fix};
}

}  // namespace rt
TAUT_END_NAMESPACE
