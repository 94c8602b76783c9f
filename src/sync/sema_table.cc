// SPDX-License-Identifier: Apache-2.0
// Rejected     a tree of addresses per bucket: with 4096 buckets a chain stays short until some
// hundred thousand goroutines wait, each on an object of
//              its own, and then a walk costs less than the wait.
#include "sync/sema_table.h"

#include "arch/sanitizer.h"
#include "base/clock.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

sema_bucket buckets[sema_buckets];

// The runtime was stopped while it waited: it will never run again.
bool abandoned(const goroutine* g) noexcept { return !g->is_thread && g->id.load() == 0; }

std::uint8_t mask_for(const goroutine* g, const wait_limits& limits, bool early) noexcept {
  std::uint8_t asked = 0;
  if (limits.explicit_context) asked |= interrupt::context;
  if (limits.deadline) asked |= interrupt::deadline;
  std::uint8_t mask = interrupts_for(g, asked);
  if (!limits.bound) mask &= static_cast<std::uint8_t>(~interrupt::bound);
  // A wait that may be woken before it parks must be claimable.
  return early && mask == 0 ? interrupt::none : mask;
}

}  // namespace

sema_bucket& bucket_of(const void* address) noexcept { return buckets[bucket_index(address)]; }

waiter* sema_queue::next_address(const waiter* first) const noexcept {
  return first->queue == &bucket_ ? nullptr : static_cast<waiter*>(first->queue);
}

waiter* sema_queue::head() const noexcept {
  waiter* w = bucket_.first();
  while (w != nullptr && w->key != key_) w = next_address(w);
  return w;
}

waiter* sema_queue::front() noexcept {
  waiter* w = head();
  while (w != nullptr && abandoned(w->g)) {
    remove(*w);
    w = head();
  }
  return w;
}

// Puts `by`, or nothing, where `old` is in the chain.
void sema_queue::replace_first(waiter* old, waiter* by) noexcept {
  void* rest = old->queue;
  if (by != nullptr) {
    by->queue = rest;
    rest = by;
  }
  old->queue = &bucket_;
  if (bucket_.first() == old) {
    bucket_.set_first(rest == &bucket_ ? nullptr : static_cast<waiter*>(rest));
    return;
  }
  waiter* before = bucket_.first();
  while (before->queue != old) before = next_address(before);
  before->queue = rest;
}

void sema_queue::insert(waiter& w, bool first) noexcept {
  w.key = key_;
  waiter* const first_now = head();
  if (first_now == nullptr) {
    w.next = w.previous = &w;
    w.queue = bucket_.first() == nullptr ? static_cast<void*>(&bucket_) : bucket_.first();
    bucket_.set_first(&w);
    return;
  }
  // Before the head of a ring is its end.
  w.next = first_now;
  w.previous = first_now->previous;
  w.previous->next = first_now->previous = &w;
  w.queue = &bucket_;
  if (first) replace_first(first_now, &w);
}

void sema_queue::push_back(waiter& w) noexcept { insert(w, false); }
void sema_queue::push_front(waiter& w) noexcept { insert(w, true); }

void sema_queue::remove(waiter& w) noexcept {
  if (head() == &w) replace_first(&w, w.next == &w ? nullptr : w.next);
  w.previous->next = w.next;
  w.next->previous = w.previous;
  w.queue = nullptr;
}

waiter* sema_queue::pop() noexcept {
  waiter* w = front();
  waiter* const last = w == nullptr ? nullptr : w->previous;
  while (w != nullptr) {
    waiter* const after = w == last ? nullptr : w->next;
    if (abandoned(w->g)) {
      remove(*w);
    } else if (take(*w)) {
      remove(*w);
      return w;
    }
    w = after;
  }
  return nullptr;
}

waiter* sema_queue::pop_first() noexcept {
  waiter* w = front();
  if (!take(*w)) return nullptr;
  remove(*w);
  return w;
}

void park_releasing(goroutine* g, sema_queue& q) noexcept {
  lock& l = q.leave_locked();
  l.announce_release();
  park_recorded(g, release_lock, &l);
}

std::int64_t charge_waiting(sema_queue& q, waiter* popped) noexcept {
  constexpr int most = 256;
  const std::int64_t t = now();
  std::int64_t sum = 0;
  const auto charge = [&](waiter& w) {
    if (w.since != 0) sum += t - w.since;  // 0: it began to wait while the profile was off
    w.since = t;
  };
  if (popped != nullptr) charge(*popped);
  waiter* const first = q.front();
  waiter* w = first;
  for (int i = 0; w != nullptr && i < most; ++i) {
    charge(*w);
    w = w->next == first ? nullptr : w->next;
  }
  return sum;
}

bool has_waiters(const void* address) noexcept {
  sema_queue q(address);
  return !q.empty();
}

void wake_list::wake() noexcept {
  for (waiter* w = first_; w != nullptr;) {
    // Once ready, it may be in its next wait.
    goroutine* g = w->g;
    w = w->next;
    ready(g);
  }
  first_ = nullptr;
  end_ = &first_;
}

sema_wait::sema_wait(goroutine* g, const void* address, const wait_limits& limits,
                     bool early) noexcept
    : g_(g), mask_(mask_for(g, limits, early)), queue_(address, sema_queue::start::unlocked) {
  if (mask_ != 0) {
    begin_claimable(g_, mask_);
    if (limits.explicit_context) context_.emplace(g_, limits.context);
    if (limits.deadline) deadline_.arm(g_, *limits.deadline);
  }
  queue_.lock();
}

std::uint8_t sema_wait::finish() noexcept {
  if (mask_ == 0) return 0;
  context_.reset();
  deadline_.disarm();
  return end_claimable(g_);
}

void sema_wait::skip() noexcept {
  queue_.unlock();
  // Who claimed it already will wake it, and must not find it in a later wait.
  if (mask_ != 0 && !claim(g_)) park_recorded(g_, nullptr, nullptr);
  finish();
}

void sema_wait::enqueue(bool at_front) noexcept {
  waiter& w = mine();
  w.claimable = mask_ != 0;
  w.success = false;
  if (at_front) {
    queue_.push_front(w);
  } else {
    queue_.push_back(w);
  }
}

std::uint8_t sema_wait::park_here(left_function left, void* argument) noexcept {
  if (mask_ == 0 || !interrupted_before_park(g_)) {
    if (queue_.is_locked()) {
      park_releasing(g_, queue_);
    } else {
      park_recorded(g_, nullptr, nullptr);
    }
  }
  if (mask_ != 0 && g_->ended_by != 0) {
    if (!queue_.is_locked()) queue_.lock();
    if (mine().queue != nullptr) {
      queue_.remove(mine());
      if (left != nullptr) left(queue_, argument);
    }
  }
  queue_.unlock();
  return finish();
}

std::error_code interrupt_error(goroutine* g, std::uint8_t why, detail::context_node* context) {
  switch (why) {
    case 0:
      return {};
    case interrupt::deadline:
      return errc::deadline_exceeded;
    case interrupt::unwind:
      throw_interrupt(why);
      break;
    default:
      break;
  }
  const std::error_code error = context_error(why == interrupt::bound ? g->bound : context);
  return error ? error : make_error_code(errc::canceled);
}

}  // namespace rt
TAUT_END_NAMESPACE
