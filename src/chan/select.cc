// SPDX-License-Identifier: Apache-2.0
// select: look, then lock all in address order, look again, enqueue on all, park, dequeue.
//
// The first look locks one channel at a time, in random order, and takes the first that is ready:
// it was ready at that moment, and a random order makes the choice uniform. Only when nothing was
// ready are all locked, because "nothing is ready" must hold for all at one instant, for
// otherwise() as for parking.
//
// Locks         rank::chan, several, in address order; they cross the switch and are released by
// the commit.
//
// Memory order
//   MO-1  as in chan_core.h: read under the lock here.
#include "taut/select.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/recording.h"
#include "chan/chan_core.h"
#include "sched/park.h"
#include "sched/waiter_pool.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

using detail::select_case;

// Room for one index per case; on the stack for the usual sizes.
class index_array {
 public:
  explicit index_array(std::size_t n) : size_(n) {
    if (n > small) heap_ = std::make_unique<std::uint16_t[]>(n);
  }
  std::uint16_t* data() noexcept { return heap_ ? heap_.get() : room_; }
  std::uint16_t* begin() noexcept { return data(); }
  std::uint16_t* end() noexcept { return data() + size_; }
  std::uint16_t& operator[](std::size_t i) noexcept { return data()[i]; }
  std::uint16_t operator[](std::size_t i) const noexcept {
    return (heap_ ? heap_.get() : room_)[i];
  }

 private:
  static constexpr std::size_t small = 16;
  std::size_t size_;
  std::uint16_t room_[small];
  std::unique_ptr<std::uint16_t[]> heap_;
};

// Fisher and Yates: every order of the cases with a channel is equally likely. Returns how many
// there are.
std::size_t random_order(const select_case* cases, std::size_t n, index_array& order) noexcept {
  std::size_t used = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (cases[i].channel == nullptr) continue;
    const std::size_t at = used == 0 ? 0 : random_below(static_cast<std::uint32_t>(used + 1));
    order[used] = order[at];
    order[at] = static_cast<std::uint16_t>(i);
    ++used;
  }
  return used;
}

// One operation on one locked channel. by: the caller's signature. When it is done the lock has
// been released.
outcome attempt(select_case& s, std::uint64_t by, site where) noexcept TAUT_LOCKS_BY_HAND {
  const outcome o =
      s.sends ? offer(*s.channel, s.element, by, where) : accept(*s.channel, s.element, by, where);
  s.received = o == outcome::done;
  return o;
}

// Locks the channel and does the same, if it can be done at once, or with the first who waits on
// the other side, of one that no timer feeds. Else the lock is still held.
TAUT_ALWAYS_INLINE bool attempt_usually(select_case& s, std::uint64_t by,
                                        site where) noexcept TAUT_LOCKS_BY_HAND {
  chan_core& c = *s.channel;
  s.received = false;
  if (s.sends) {
    c.guard.acquire();
    if (TAUT_LIKELY(offer_at_once(c, s.element, by))) {
      s.received = true;
      return true;
    }
    const waiter* const w = c.receivers.head();
    if (w == nullptr || w->claimable) return false;
    if (!chan_core::is_last(by)) c.note_other_send(chan_core::signature_again(c.sender, by), where);
    s.received = true;
    send_to_first(c, s.element);
    return true;
  }
  c.guard.acquire();
  if (TAUT_LIKELY(accept_at_once(c, s.element, by))) {
    s.received = true;
    return true;
  }
  const waiter* const w = c.senders.head();
  if (w == nullptr || w->claimable || c.count.load(std::memory_order_relaxed) != 0)  // MO-1
    return false;
  if (!chan_core::is_last(by))
    c.note_other_receive(chan_core::signature_again(c.receiver, by), where);
  s.received = true;
  recv_from_first(c, s.element);
  return true;
}

// Without a lock: surely not ready. A poll may trust it, for it was true at that moment.
TAUT_ALWAYS_INLINE bool looks_unready(const select_case& s) noexcept {
  const chan_core& c = *s.channel;
  if (c.closed.load()) return false;
  return s.sends ? c.receivers.empty() && c.count.load() >= c.capacity
                 : c.count.load() == 0 && c.senders.empty();
}

[[noreturn]] void throw_send_on_closed() { throw panic("send on closed channel"); }

// The locks of all channels of a select, each once, in address order.
class locked_channels {
 public:
  locked_channels(const select_case* cases, const index_array& used, std::size_t n) {
    if (n > small) many_ = std::make_unique<lock*[]>(n);
    lock** locks = many_ ? many_.get() : few_;
    // Insertion for a few; selects of more than a dozen cases are rare.
    for (std::size_t i = 0; i < n; ++i) {
      lock* const moving = &cases[used[i]].channel->guard;
      std::size_t at = i;
      if (n <= small) {
        for (; at > 0 && moving < locks[at - 1]; --at) locks[at] = locks[at - 1];
      }
      locks[at] = moving;
    }
    if (n > small) std::sort(locks, locks + n);
    list_ = {locks, static_cast<std::size_t>(std::unique(locks, locks + n) - locks)};
  }
  void acquire() noexcept TAUT_LOCKS_BY_HAND {
    for (std::size_t i = 0; i < list_.count; ++i) list_.locks[i]->acquire();
  }
  // All but the one of `done`, which was released already.
  void release(const chan_core* done = nullptr) noexcept TAUT_LOCKS_BY_HAND {
    for (std::size_t left = list_.count; left-- > 0;) {
      if (done == nullptr || list_.locks[left] != &done->guard) list_.locks[left]->release();
    }
  }
  // For a park whose commit is release_locks().
  lock_list* leave_to_commit() noexcept {
    for (std::size_t i = 0; i < list_.count; ++i) list_.locks[i]->announce_release();
    return &list_;
  }

 private:
  static constexpr std::size_t small = 12;
  lock* few_[small];
  std::unique_ptr<lock*[]> many_;
  lock_list list_;
};

left_for reason_of(std::uint8_t interrupt_bit) noexcept {
  return interrupt_bit == interrupt::deadline ? left_for::timeout : left_for::context;
}

// What it means for the other channels that this one was chosen.
left_for reason_of(const chan_core& chosen) noexcept {
  if (chosen.timer_channel) return left_for::timeout;
  if (!chosen.of_context) return left_for::other_case;
  // A deadline ends a context from nowhere.
  return chosen.closer.owner.load() == 0 ? left_for::timeout : left_for::context;
}

// A case ran without a wait. Only an end is worth a record: traffic must stay fast.
void record_ending(const select_case* cases, const index_array& order, std::size_t used,
                   std::size_t ran, goroutine* g, site where) noexcept {
  if constexpr (!records) return;
  const chan_core& chosen = *cases[ran].channel;
  if (!chosen.timer_channel && !chosen.closed.load()) return;
  for (std::size_t i = 0; i < used; ++i) {
    if (order[i] != ran && cases[order[i]].channel != &chosen)
      record_leaving(*cases[order[i]].channel, cases[order[i]].sends, g, where, reason_of(chosen));
  }
}

// Runs case i, whose channel is locked, or releases it. True: it ran.
TAUT_NOINLINE bool run_or_release(select_case* cases, const index_array& order, std::size_t used,
                                  std::size_t i, site where) TAUT_LOCKS_BY_HAND {
  select_case& s = cases[i];
  goroutine* g = current_goroutine();
  const outcome o = attempt(s, signature_of(state_of(g), where), where);
  if (o == outcome::done) {
    if (records && TAUT_UNLIKELY(s.channel->timer_channel))
      record_ending(cases, order, used, i, g, where);
    return true;
  }
  s.channel->guard.release();
  if (o == outcome::would_block) return false;
  if (s.sends) throw_send_on_closed();
  record_ending(cases, order, used, i, g, where);
  return true;
}

// The blocking part. Returns the chosen case, or select_timed_out.
// Not inlined, nor is poll_all(): what they need room for is not to burden a select that need not
// wait.
TAUT_NOINLINE std::size_t wait_for_one(select_case* cases, std::size_t n, index_array& order,
                                       std::size_t used,
                                       const std::chrono::steady_clock::time_point* deadline,
                                       site where) TAUT_LOCKS_BY_HAND {
  goroutine* g = current_goroutine();
  const std::uint8_t mask = interrupts_for(g, deadline != nullptr ? interrupt::deadline : 0);
  std::unique_ptr<waiter*[]> many;
  waiter* few[16];
  waiter** of_case = few;
  if (used > 16) {
    many = std::make_unique<waiter*[]>(used);
    of_case = many.get();
  }
  locked_channels channels(cases, order, used);  // whatever can throw comes before the locks
  waiter* waiters = take_waiters(used);
  if (waiters == nullptr && used > 0) throw std::bad_alloc();
  wait_deadline limit;
  begin_claimable(g, mask);
  if (deadline != nullptr) limit.arm(g, to_ns(*deadline));
  channels.acquire();
  for (std::size_t i = 0; i < used; ++i) {
    select_case& s = cases[order[i]];
    chan_core* c = s.channel;
    // Ready after all. An interrupt may have claimed the wait already: then it is on its way to
    // wake this goroutine, and that is waited for below.
    if (s.sends ? !c->closed.load() && c->receivers.empty() && c->count.load() == c->capacity
                : !c->closed.load() && c->senders.empty() && c->count.load() == 0) {
      continue;
    }
    const outcome o = attempt(s, signature_of(state_of(g), where), where);
    if (o == outcome::would_block) continue;  // its waiters' waits were over
    const bool mine = claim(g);
    channels.release(o == outcome::done ? c : nullptr);
    if (!mine) park(g, {wait_reason::select, c, where}, nullptr, nullptr);
    limit.disarm();
    end_claimable(g);
    give_waiters(waiters);
    if (s.sends && o == outcome::closed) throw_send_on_closed();
    return order[i];
  }
  waiter* w = waiters;
  for (std::size_t i = 0; i < used; ++i) {
    of_case[i] = w;
    w = w->next;
  }
  for (std::size_t i = 0; i < used; ++i) {
    select_case& s = cases[order[i]];
    waiter& mine = *of_case[i];
    mine.g = g;
    mine.element = s.element;
    mine.index = order[i];
    mine.claimable = true;
    s.sends ? s.channel->add_sender(mine) : s.channel->add_receiver(mine);
  }
  g->woken_by = nullptr;
  if constexpr (records) {
    g->wait_cases = static_cast<std::uint32_t>(n);
    g->wait_case_list = cases;
  }
  if (mask != 0 && interrupted_before_park(g)) {
    channels.release();
  } else {
    record_queued_wait(g, wait_reason::select, where);
    park_recorded(g, release_locks, channels.leave_to_commit());
  }
  limit.disarm();
  const std::uint8_t why = g->ended_by;
  waiter* winner = why == 0 ? g->woken_by : nullptr;
  const left_for left_because = !records            ? left_for::nothing
                                : winner != nullptr ? reason_of(*cases[winner->index].channel)
                                                    : reason_of(why);
  const std::uint64_t leaver = chan_leaving::leaver(state_of(g), left_because);
  for (std::size_t i = 0; i < used; ++i) {
    waiter& mine = *of_case[i];
    if (&mine == winner) continue;
    select_case& s = cases[order[i]];
    hold h(s.channel->guard);
    if (mine.queue != nullptr) static_cast<wait_queue*>(mine.queue)->unlink(mine);
    // A buffer that it waited to send to was full.
    record_left(*s.channel, s.sends, leaver, where,
                s.channel->receives.load(std::memory_order_relaxed));  // MO-1: under the lock
  }
  end_claimable(g);
  std::size_t chosen = detail::select_timed_out;
  bool success = false;
  if (winner != nullptr) {
    chosen = winner->index;
    success = winner->success;
  }
  waiter* list = nullptr;
  for (std::size_t i = 0; i < used; ++i) {
    of_case[i]->next = list;
    list = of_case[i];
  }
  give_waiters(list);
  if (why != 0 && why != interrupt::deadline) throw_interrupt(why);
  if (winner != nullptr) {
    cases[chosen].received = success;
    if (cases[chosen].sends && !success) throw_send_on_closed();
  }
  return chosen;
}

// The case that ran, or none was ready at one instant.
TAUT_NOINLINE std::size_t poll_all(select_case* cases, index_array& order, std::size_t used,
                                   site where) TAUT_LOCKS_BY_HAND {
  goroutine* g = current_goroutine();
  locked_channels channels(cases, order, used);
  channels.acquire();
  for (std::size_t i = 0; i < used; ++i) {
    select_case& s = cases[order[i]];
    const outcome o = attempt(s, signature_of(state_of(g), where), where);
    if (o == outcome::would_block) continue;
    channels.release(o == outcome::done ? s.channel : nullptr);
    if (o == outcome::closed && s.sends) throw_send_on_closed();
    return order[i];
  }
  channels.release();
  return detail::select_otherwise;
}

}  // namespace
}  // namespace rt

namespace detail {

using namespace rt;

std::chrono::steady_clock::time_point select_deadline(
    std::chrono::steady_clock::duration after) noexcept {
  const std::int64_t t = now();
  return to_time_point(after.count() > no_deadline - t ? no_deadline - 1 : t + after.count());
}

std::size_t select_core(select_case* cases, std::size_t count, select_mode mode,
                        const std::chrono::steady_clock::time_point* deadline,
                        site where) TAUT_LOCKS_BY_HAND {
  std::uint64_t me = thread_owner_state();
  if (TAUT_UNLIKELY(me == look_closer)) {
    choice_point();
    me = state_of(current_goroutine()->id.load());
  }
  if (count > max_select_cases) throw panic("select: more than 65535 cases");
  if (count == 0 && deadline == nullptr) {
    if (mode == select_mode::poll) return select_otherwise;
    block_forever(wait_reason::select_no_cases, where);
  }
  const std::uint64_t by = signature_of(me, where);
  index_array order(count);
  const std::size_t used = random_order(cases, count, order);
  for (std::size_t i = 0; i < used; ++i) {
    select_case& s = cases[order[i]];
    if (looks_unready(s)) continue;
    if (TAUT_LIKELY(attempt_usually(s, by, where)) ||
        run_or_release(cases, order, used, order[i], where)) {
      return order[i];
    }
  }
  // One case that was not ready is an answer; several are only when none was ready at one instant.
  if (mode == select_mode::poll)
    return used <= 1 ? select_otherwise : poll_all(cases, order, used, where);
  return wait_for_one(cases, count, order, used, deadline, where);
}

std::size_t select_poll(select_case* only, site where) {
  // Without a saved register: it is usually disappointed. Else it may pass a choice point first.
  if (TAUT_LIKELY(thread_owner_state() != look_closer) &&
      (only->channel == nullptr || looks_unready(*only))) {
    return select_otherwise;
  }
  return select_core(only, 1, select_mode::poll, nullptr, where);
}

}  // namespace detail

struct select_list::state {
  std::vector<std::unique_ptr<end>> ends;
  std::vector<detail::select_case> cases;
};

select_list::select_list() : state_(new state) {}
select_list::~select_list() { delete state_; }

std::size_t select_list::size() const noexcept { return state_->cases.size(); }

std::size_t select_list::add(detail::chan_core* channel, end* owned) {
  std::unique_ptr<end> e(owned);
  state_->cases.push_back({channel, e->element(), e->sends()});
  state_->ends.push_back(std::move(e));
  return state_->cases.size() - 1;
}

std::size_t select_list::go(detail::select_mode mode, detail::site where) {
  auto& cases = state_->cases;
  const std::size_t chosen = detail::select_core(cases.data(), cases.size(), mode, nullptr, where);
  if (chosen < cases.size()) state_->ends[chosen]->ran(cases[chosen].received);
  return chosen;
}

std::size_t select_list::run(detail::site where) { return go(detail::select_mode::block, where); }

std::optional<std::size_t> select_list::try_run(detail::site where) {
  const std::size_t chosen = go(detail::select_mode::poll, where);
  if (chosen == detail::select_otherwise) return std::nullopt;
  return chosen;
}

TAUT_END_NAMESPACE
