// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in timers.h.
#include "sched/timers.h"

#include <sched.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/handoff.h"
#include "sched/current.h"
#include "sched/runtime_state.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

void timer_heap::place(std::size_t i, entry e) noexcept {
  entries_[i] = e;
  e.t->index = static_cast<std::uint32_t>(i + 1);
}

void timer_heap::sift_up(std::size_t i) noexcept {
  const entry moving = entries_[i];
  while (i > 0) {
    const std::size_t parent = (i - 1) / 4;
    if (entries_[parent].deadline <= moving.deadline) break;
    place(i, entries_[parent]);
    i = parent;
  }
  place(i, moving);
}

void timer_heap::sift_down(std::size_t i) noexcept {
  const entry moving = entries_[i];
  for (;;) {
    const std::size_t first = 4 * i + 1;
    if (first >= entries_.size()) break;
    std::size_t least = first;
    for (std::size_t c = first + 1; c < first + 4 && c < entries_.size(); ++c) {
      if (entries_[c].deadline < entries_[least].deadline) least = c;
    }
    if (entries_[least].deadline >= moving.deadline) break;
    place(i, entries_[least]);
    i = least;
  }
  place(i, moving);
}

void timer_heap::remove(std::size_t i) noexcept {
  timer* t = entries_[i].t;
  t->index = 0;
  if (!t->background) foreground_.store(foreground() - 1, std::memory_order_relaxed);  // MO-1
  const entry last = entries_.back();
  entries_.pop_back();
  if (i == entries_.size()) return;
  entries_[i] = last;
  if (i > 0 && entries_[(i - 1) / 4].deadline > last.deadline) {
    sift_up(i);
  } else {
    sift_down(i);
  }
}

void timer_heap::publish() noexcept {
  earliest_.store(entries_.empty() ? no_deadline : entries_[0].deadline,
                  std::memory_order_relaxed);               // MO-1
  size_.store(entries_.size(), std::memory_order_relaxed);  // MO-1
}

void timer_heap::insert(timer& t, std::int64_t deadline) noexcept {
  TAUT_DCHECK(t.index == 0);
  unseen_section unseen;
  t.deadline = deadline;
  t.heap.store(this, std::memory_order_relaxed);  // MO-1
  entries_.push_back({deadline, &t});
  if (!t.background) foreground_.store(foreground() + 1, std::memory_order_relaxed);  // MO-1
  sift_up(entries_.size() - 1);
  publish();
}

void timer_heap::arm(timer& t, std::int64_t deadline) noexcept {
  announce_handoff(&t);
  hold h(lock_);
  insert(t, deadline);
}

bool timer_heap::take_out(timer& t) noexcept {
  if (t.index == 0) return false;
  remove(t.index - 1);
  publish();
  return true;
}

bool timer_heap::retract(timer& t) noexcept {
  hold h(lock_);
  return take_out(t);
}

bool timer_heap::disarm(timer& t) noexcept {
  const bool stopped = wait_until_out(t);
  accept_handoff(this);  // what its callback did happened before
  return stopped;
}

bool timer_heap::wait_until_out(timer& t) noexcept {
  for (int i = 0;; ++i) {
    {
      hold h(lock_);
      if (take_out(t)) return true;
      firing* f = firing_;
      while (f != nullptr && f->t != &t) f = f->next;
      // Its own callback disarms it: nothing to wait for.
      if (f == nullptr || f->thread == thread_block()) return false;
    }
    if (i < 100) {
      pause();
    } else {
      ::sched_yield();
    }
  }
}

void timer_heap::fire_unlocked(timer* t, std::int64_t now) noexcept {
  firing mine{t, thread_block(), firing_};
  firing_ = &mine;
  lock_.release();
  accept_handoff(t);
  t->fire(*t, now);
  announce_handoff(this);
  lock_.acquire();
  firing** at = &firing_;
  while (*at != &mine) at = &(*at)->next;
  *at = mine.next;
}

int timer_heap::run_due(std::int64_t now) noexcept {
  if (earliest() > now) return 0;
  hold h(lock_);
  int ran = 0;
  while (!entries_.empty() && entries_[0].deadline <= now) {
    timer* t = entries_[0].t;
    remove(0);
    publish();
    ++ran;
    if (t->unlocked) {
      fire_unlocked(t, now);
      continue;
    }
    accept_handoff(t);
    const std::int64_t again = t->fire(*t, now);
    announce_handoff(this);
    if (again != no_deadline) insert(*t, again);
  }
  return ran;
}

void arm(timer& t, std::int64_t deadline) noexcept {
  worker* w = current_worker();
  runtime_state& r = the_runtime();
  timer_heap& heap = w != nullptr ? w->timers : r.shared_timers;
  heap.arm(t, deadline);
  r.timer_armed(deadline);
}

bool disarm(timer& t) noexcept {
  timer_heap* heap = t.heap.load(std::memory_order_relaxed);  // MO-1
  return heap != nullptr && heap->disarm(t);
}

bool retract(timer& t) noexcept {
  timer_heap* heap = t.heap.load(std::memory_order_relaxed);  // MO-1
  return heap != nullptr && heap->retract(t);
}

}  // namespace rt
TAUT_END_NAMESPACE
