// SPDX-License-Identifier: Apache-2.0
// The codes are those of docs/reference/diag.md. The order is the engine's: own lock, ended owner,
// circles of locks, what a stuck owner waits for; then channels by the side that is missing; then
// the rest.
//
// Placeholders
//   {g} {blocked} {reason} {since?}     the goroutine, where and why it waits
//   {owner} {locked} {owner_blocked} {owner_reason}      of the lock it waits for
//   {made} {maker} {cap} {len} {sends} {receives}        of the channel
//   {receiver} {received} {sender} {sent} {left_by} {left} {dropped}      who used the channel
//                                                                         last, and where
//   {holder} {holder_blocked} {handles}                  the other stuck goroutine with a handle;
//                                                        how many exist
//   {counter} {added} {done} {lost} {signaled}           of a wait group; of a condition
#include "diag/causes.h"

#include <string_view>

#include "chan/chan_core.h"
#include "sched/wait_reason.h"
#include "sync/owner.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

bool waits(const evidence& e, wait_reason r) noexcept { return e.g.reason == r; }
bool for_owner(const evidence& e) noexcept { return e.owner_id != 0; }
bool sender(const evidence& e) noexcept { return e.channel != nullptr && e.sends; }
bool receiver(const evidence& e) noexcept { return e.channel != nullptr && !e.sends; }
bool left_by(const evidence& e, left_for why) noexcept {
  return e.channel->left_why == static_cast<std::uint8_t>(why) &&
         e.channel->left.goroutine != e.g.id;
}
// The last two sends were this goroutine's, as far as is recorded.
bool only_sender(const evidence& e) noexcept {
  return e.channel->previous_sender == e.g.id && e.channel->last_send.goroutine == e.g.id;
}
bool on_channel(wait_reason r) noexcept {
  return r == wait_reason::chan_send || r == wait_reason::chan_receive ||
         r == wait_reason::select || r == wait_reason::chan_receive_nil ||
         r == wait_reason::chan_send_nil || r == wait_reason::select_no_cases;
}
bool on_channel(const goroutine_record* g) noexcept {
  return g != nullptr && on_channel(g->reason);
}

site blocked_site(const evidence& e) noexcept { return e.g.waits_at; }
site locked_site(const evidence& e) noexcept { return e.locked; }
site made_site(const evidence& e) noexcept { return e.channel->made; }
site left_site(const evidence& e) noexcept { return e.channel->left.where; }
site received_site(const evidence& e) noexcept {
  return e.channel->last_receive.goroutine != 0 ? e.channel->last_receive.where : e.channel->made;
}
site sent_site(const evidence& e) noexcept {
  return e.channel->last_send.goroutine != 0 ? e.channel->last_send.where : e.channel->made;
}
site holder_site(const evidence& e) noexcept { return e.holder->waits_at; }

// Layouts of sync's objects, as diagnosis sees them: see wait_group.h and condition.h.
site site_of(std::uint64_t file, std::uint64_t line) noexcept {
  return {reinterpret_cast<const char*>(file), static_cast<std::uint32_t>(line)};
}
site added_site(const evidence& e) noexcept {
  return site_of(e.object->words[1], e.object->words[3] & 0xffffffffu);
}
site signaled_site(const evidence& e) noexcept {
  return site_of(e.object->words[1], e.object->words[2] & 0xffffffffu);
}

constexpr cause causes[] = {
    // --- Waits for ever.
    {"R07", [](const evidence& e) noexcept { return waits(e, wait_reason::chan_receive_nil); },
     "goroutine {g} receives from a nil channel, which never yields anything",
     "make the channel before it is used, or do not reset a handle that others still use",
     blocked_site},
    {"R07", [](const evidence& e) noexcept { return waits(e, wait_reason::chan_send_nil); },
     "goroutine {g} sends to a nil channel, which never takes anything",
     "make the channel before it is used, or do not reset a handle that others still use",
     blocked_site},
    {"R07", [](const evidence& e) noexcept { return waits(e, wait_reason::select_no_cases); },
     "goroutine {g} selects without a case, which waits for ever",
     "return instead, or wait for a context: ctx.wait()", blocked_site},
    {"R07",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::select) && e.channel == nullptr;
     },
     "goroutine {g} selects over nil channels only",
     "make the channels first, or add a case that can run", blocked_site},
    // --- Locks.
    {"R24",
     [](const evidence& e) noexcept {
       return for_owner(e) && e.owner_id == e.g.owner && waits(e, wait_reason::rwmutex_rlock);
     },
     "goroutine {g} asks for a read lock at {blocked} while it holds the write lock since {locked}",
     "unlock first, or split off a function that expects the lock to be held", locked_site},
    {"R20", [](const evidence& e) noexcept { return for_owner(e) && e.owner_id == e.g.owner; },
     "goroutine {g} locks again at {blocked} what it holds since {locked}: the lock is not "
     "recursive",
     "split off a function that expects the lock to be held", locked_site},
    {"R21", [](const evidence& e) noexcept { return for_owner(e) && e.owner == nullptr; },
     "goroutine {owner} locked at {locked} and ended without unlocking",
     "hold the lock by std::scoped_lock, which unlocks on every way out", locked_site},
    {"R22", [](const evidence& e) noexcept { return for_owner(e) && e.cycle; },
     "goroutine {g} waits for the lock that goroutine {owner} holds since {locked}, and {owner} "
     "waits at {owner_blocked}, in a circle",
     "take both locks at once: std::scoped_lock(a, b); or always in one order", locked_site},
    {"R25", [](const evidence& e) noexcept { return for_owner(e) && on_channel(e.owner); },
     "goroutine {owner} holds the lock since {locked} and is itself stuck in {owner_reason} at "
     "{owner_blocked}",
     "move the channel operation out of the critical section", locked_site},
    {"R26",
     [](const evidence& e) noexcept {
       return for_owner(e) && (e.owner->reason == wait_reason::cond_wait ||
                               e.owner->reason == wait_reason::wait_group_wait ||
                               e.owner->reason == wait_reason::semacquire);
     },
     "goroutine {owner} holds the lock since {locked} and is itself stuck in {owner_reason} at "
     "{owner_blocked}",
     "unlock before the wait", locked_site},
    {"R21", [](const evidence& e) noexcept { return for_owner(e); },
     "goroutine {owner} holds the lock since {locked} and is itself stuck in {owner_reason} at "
     "{owner_blocked}",
     "hold the lock by std::scoped_lock, and free the goroutine that holds it", locked_site},
    // --- Senders.
    {"R09",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->receives == 0 && e.channel->left.goroutine == 0 &&
              e.channel->maker == e.g.id && e.channel->capacity == 0 && e.holder == nullptr &&
              e.channel->receivers != 0;
     },
     "goroutine {g} sends to a channel that only it could receive from",
     "give the channel room, cap 1, or receive in another goroutine", made_site},
    {"R02", [](const evidence& e) noexcept { return sender(e) && left_by(e, left_for::timeout); },
     "the receiver, goroutine {left_by}, chose its timeout at {left} and left",
     "give the channel room for the answer that nobody waits for any more: cap 1", left_site},
    {"R18", [](const evidence& e) noexcept { return sender(e) && left_by(e, left_for::context); },
     "the receiver, goroutine {left_by}, left at {left} because its context ended, which the "
     "sender does not watch",
     "send with the context: c.send(ctx, value), or start the sender by scope::go", left_site},
    {"R11",
     [](const evidence& e) noexcept {
       return sender(e) && e.holder != nullptr && e.holder->reason == wait_reason::chan_send &&
              e.holder->object != e.channel->address;
     },
     "goroutine {g} sends to goroutine {holder}, which is itself stuck sending at {holder_blocked}",
     "send in one direction only, or select over the send and the receive", holder_site},
    {"R08",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->capacity != 0 && e.channel->receives == 0;
     },
     "the buffer of {cap} is full and nothing was ever received",
     "start the receiver before the sends, or give the buffer the room that the protocol needs",
     made_site},
    {"R04",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->receives != 0 && e.channel->receives == e.channel->sends &&
              e.channel->capacity == 0 && e.channel->receives == 1 && only_sender(e);
     },
     "goroutine {g} has sent already, and sends again at {blocked}; the receiver took one value at "
     "{received}",
     "return after the first send", received_site},
    {"R03",
     [](const evidence& e) noexcept {
       return sender(e) && e.channel->receives != 0 && e.channel->previous_sender != 0 &&
              !only_sender(e);
     },
     "several goroutines send, but only {receives} values were received, the last by goroutine "
     "{receiver} at {received}",
     "receive as often as is sent, give the channel room for all, or cancel the losers by a scope",
     received_site},
    {"R01", [](const evidence& e) noexcept { return sender(e) && e.channel->receives != 0; },
     "the receiver, goroutine {receiver}, left after {receives} receives, the last at "
     "{received}{dropped}",
     "drain the channel, close it from the receiver's side of the protocol, or send with a context",
     received_site},
    {"R01", [](const evidence& e) noexcept { return sender(e); },
     "nobody ever received from the channel made at {made}{dropped}",
     "give the channel room for what may stay unread, or receive on every path", made_site},
    // --- Receivers.
    {"R17", [](const evidence& e) noexcept { return receiver(e) && e.channel->of_context; },
     "the context made at {made} can never end: it was not cancelled, and neither its handle nor "
     "its cancel exists any more",
     "keep the cancel that with_cancel returned: it cancels when it dies", made_site},
    {"R11",
     [](const evidence& e) noexcept {
       return receiver(e) && e.holder != nullptr && e.holder->reason == wait_reason::chan_receive &&
              e.holder->object != e.channel->address && e.holder->park_sequence != 0;
     },
     "goroutine {g} waits for goroutine {holder}, which is itself stuck at {holder_blocked}",
     "let one side begin: send before the first receive", holder_site},
    {"R05", [](const evidence& e) noexcept { return receiver(e) && e.channel->sends != 0; },
     "no sender is left and nobody closed the channel; the last send was goroutine {sender}'s at "
     "{sent}",
     "close the channel when the last value is sent, or use make_chan, whose channel closes when "
     "its last sender dies",
     sent_site},
    {"R05", [](const evidence& e) noexcept { return receiver(e); },
     "nobody ever sent to the channel made at {made}, and nobody closed it{dropped}",
     "close the channel on every path, or use make_chan, whose channel closes when its last sender "
     "dies",
     made_site},
    // --- The rest.
    {"R28",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::wait_group_wait) && e.object != nullptr;
     },
     "the counter stands at {counter}: add() at {added}, and everybody known to call done() has "
     "ended or is stuck",
     "start the work by wait_group::go, which calls done() on every way out", added_site},
    {"R32",
     [](const evidence& e) noexcept {
       return waits(e, wait_reason::cond_wait) && e.object != nullptr &&
              (e.object->words[0] >> 32) != 0;
     },
     "a signal at {signaled} came when nobody waited, and was lost",
     "wait with a predicate: c.wait(lock, [&] { return ready; })", signaled_site},
    {"R32", [](const evidence& e) noexcept { return waits(e, wait_reason::cond_wait); },
     "nobody is known who could signal the condition",
     "signal at every change of what is waited for", blocked_site},
    {"R38", [](const evidence& e) noexcept { return waits(e, wait_reason::semacquire); },
     "nobody is known who could release the semaphore",
     "hold the permit by an object that gives it back on every way out", blocked_site},
    {"R00", [](const evidence&) noexcept { return true; },
     "everybody known to be able to wake it is stuck",
     "see who holds what it waits for in the dump", blocked_site},
};

std::string goroutine_name(std::uint64_t id) {
  if ((id & thread_owner) != 0) return "of thread " + std::to_string(id & ~thread_owner);
  return id == 0 ? std::string("?") : std::to_string(id);
}

// Where the handle that died last did so, for a reader; empty when it is the runtime's own code.
std::string dropped_place(const evidence& e, frame_namer& names) {
  if (e.channel == nullptr || e.channel->dropped_at == 0) return {};
  for (const named_frame& f : names.at(e.channel->dropped_at)) {
    if (!f.ours && !f.file.empty() && !f.function.starts_with("std::")) {
      return "; a handle died last at " + f.file + ":" + std::to_string(f.line);
    }
  }
  return {};
}

std::string value_of(std::string_view key, const evidence& e, frame_namer& names) {
  auto place = [&](site where) { return names.place(where); };
  if (key == "g") return goroutine_name(e.g.owner);
  if (key == "blocked") return place(e.g.waits_at);
  if (key == "reason") return to_text(e.g.reason);
  if (key == "owner") return goroutine_name(e.owner_id);
  if (key == "locked") return place(e.locked);
  if (key == "owner_blocked") return e.owner == nullptr ? "?" : place(e.owner->waits_at);
  if (key == "owner_reason") return e.owner == nullptr ? "?" : to_text(e.owner->reason);
  if (key == "holder") return e.holder == nullptr ? "?" : goroutine_name(e.holder->owner);
  if (key == "holder_blocked") return e.holder == nullptr ? "?" : place(e.holder->waits_at);
  if (const channel_record* c = e.channel) {
    if (key == "made") return place(c->made);
    if (key == "maker") return goroutine_name(c->maker);
    if (key == "cap") return std::to_string(c->capacity);
    if (key == "len") return std::to_string(c->length);
    if (key == "sends") return std::to_string(c->sends);
    if (key == "receives") return std::to_string(c->receives);
    if (key == "receiver") return goroutine_name(c->last_receive.goroutine);
    if (key == "received") return place(c->last_receive.where);
    if (key == "sender") return goroutine_name(c->last_send.goroutine);
    if (key == "sent") return place(c->last_send.where);
    if (key == "left_by") return goroutine_name(c->left.goroutine);
    if (key == "left") return place(c->left.where);
    if (key == "dropped") return dropped_place(e, names);
  }
  if (const object_record* o = e.object) {
    if (key == "counter") return std::to_string(o->words[0] >> 32);
    if (key == "added") return place(added_site(e));
    if (key == "signaled") return place(signaled_site(e));
  }
  return "?";
}

}  // namespace

evidence evidence_of(const proofs& verdicts, std::uint32_t index) {
  const snapshot& s = verdicts.seen();
  evidence e{s, verdicts, index, s.goroutines[index]};
  e.proved = verdicts.of(index) == verdict::proved;
  if (e.g.reason == wait_reason::chan_send || e.g.reason == wait_reason::chan_receive) {
    e.channel = s.channel(e.g.object);
    e.sends = e.g.reason == wait_reason::chan_send;
  } else if (e.g.reason == wait_reason::select) {
    for (std::uint32_t i = 0; i < e.g.cases && e.channel == nullptr; ++i) {
      e.channel = s.channel(s.cases[e.g.first_case + i].channel);
      e.sends = s.cases[e.g.first_case + i].sends;
    }
  } else {
    e.object = s.object(e.g.object);
  }
  if (e.channel != nullptr) {
    const std::uint32_t other = verdicts.other_holder(*e.channel, index);
    if (other != mapped_index::none) e.holder = &s.goroutines[other];
  }
  e.owner_id = verdicts.owner_id_of(index);
  if (e.owner_id == 0) return e;
  e.locked = site_of(e.object->words[1], e.object->words[2] & 0xffffffffu);
  std::uint32_t at = verdicts.owner_of(index);
  if (at == mapped_index::none) return e;
  e.owner = &s.goroutines[at];
  // Brent's way round would be overkill: a chain of owners longer than this is not followed.
  for (int step = 0; step < 64 && at != mapped_index::none; ++step) {
    if (at == index) {
      e.cycle = true;
      break;
    }
    at = verdicts.owner_of(at);
  }
  return e;
}

const cause& cause_of(const evidence& e) noexcept {
  for (const cause& c : causes) {
    if (c.fits(e)) return c;
  }
  __builtin_unreachable();
}

std::string explain(const char* text, const evidence& e, frame_namer& names) {
  std::string result;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    const std::size_t close = open == rest.npos ? rest.npos : rest.find('}', open);
    result += rest.substr(0, open == rest.npos ? rest.size() : open);
    if (close == rest.npos) break;
    result += value_of(rest.substr(open + 1, close - open - 1), e, names);
    rest.remove_prefix(close + 1);
  }
  return result;
}

}  // namespace rt
TAUT_END_NAMESPACE
