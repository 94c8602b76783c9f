// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in runtime_state.h: hints.
#include "sched/runtime_state.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"
#include "sched/poller.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

std::atomic<poller*> the_poller{nullptr};

void runtime_state::inject(goroutine* first, goroutine* last, int count) noexcept {
  {
    hold h(idle_lock);
    last->next = nullptr;
    if (inject_tail != nullptr) {
      inject_tail->next = first;
    } else {
      inject_head = first;
    }
    inject_tail = last;
    injected.fetch_add(count);
  }
  maybe_wake();
}

goroutine* runtime_state::take_injected(worker* w, int most) noexcept {
  if (injected.load(std::memory_order_relaxed) == 0) return nullptr;  // MO-1
  goroutine* list = nullptr;
  {
    hold h(idle_lock);
    const int n = injected.load();
    int share = std::min(n / std::max(target, 1) + 1, most);
    goroutine** end = &list;
    for (; share > 0 && inject_head != nullptr; --share) {
      goroutine* g = inject_head;
      inject_head = g->next;
      g->next = nullptr;
      *end = g;
      end = &g->next;
      injected.fetch_sub(1);
    }
    if (inject_head == nullptr) inject_tail = nullptr;
  }
  goroutine* first = list;
  if (first == nullptr) return nullptr;
  list = first->next;
  first->next = nullptr;
  while (list != nullptr) {
    goroutine* g = list;
    list = g->next;
    g->next = nullptr;
    w->push(g);
  }
  if (w->accept(first)) return first;
  return nullptr;
}

void runtime_state::release_inbox(worker* w) noexcept {
  goroutine* first = w->inbox.exchange(nullptr);
  if (first == nullptr) return;
  goroutine* last = first;
  int n = 1;
  for (; last->next != nullptr; last = last->next) ++n;
  inject(first, last, n);
}

// Not to one that is blocked: what may run elsewhere must not wait for its call to end. One that
// blocks meanwhile either finds g in its inbox (begin_blocked) or is seen blocked by the second
// look.
void runtime_state::migrate(goroutine* g, worker* from) noexcept {
  const auto n = static_cast<std::uint32_t>(target);
  std::uint32_t at = 0;
  if (from != nullptr)
    at = static_cast<std::uint32_t>(from->index) + 1 + (n > 1 ? from->rng.below(n - 1) : 0);
  for (std::uint32_t i = 0; i < n; ++i) {
    worker* to = workers[(at + i) % n].load();
    if ((to == from && n > 1) || to->blocked.load()) continue;
    to->push_inbox(g);
    if (to->blocked.load()) release_inbox(to);
    return;
  }
  inject(g, g, 1);
}

void runtime_state::wake_one() noexcept {
  int none = 0;
  if (!spinning.compare_exchange_strong(none, 1)) return;
  worker* w;
  {
    hold h(idle_lock);
    w = idle_list;
    // The sentry keeps watch; it is woken only when nobody else sleeps.
    if (w != nullptr && w == sentry.load() && w->idle_next != nullptr) {
      worker* second = w->idle_next;
      w->idle_next = second->idle_next;
      w = second;
    } else if (w != nullptr) {
      idle_list = w->idle_next;
    }
    if (w != nullptr) {
      w->in_idle_list = false;
      w->woken_to_spin = true;
      idle_count.fetch_sub(1);
    }
  }
  if (w == nullptr) {
    spinning.fetch_sub(1);
    return;
  }
  w->park_note.wake();
  // Asked after the note is set: who becomes sentry later looks at its note before it waits for
  // events.
  if (w == sentry.load()) {
    if (poller* p = the_poller.load()) p->wake();
  }
}

void runtime_state::wake(worker* w) noexcept {
  {
    hold h(idle_lock);
    if (!w->in_idle_list) {
      if (w->state.load() != worker_state::spare) return;
      // A spare worker has goroutines that can run nowhere else: it serves as one more.
      worker** at = &spare_list;
      while (*at != nullptr && *at != w) at = &(*at)->idle_next;
      if (*at == nullptr) return;
      *at = w->idle_next;
      able.fetch_add(1);
    } else {
      worker** at = &idle_list;
      while (*at != w) at = &(*at)->idle_next;
      *at = w->idle_next;
      w->in_idle_list = false;
      idle_count.fetch_sub(1);
    }
  }
  w->park_note.wake();
  if (w == sentry.load()) {
    if (poller* p = the_poller.load()) p->wake();
  }
}

void runtime_state::wake_all() noexcept {
  for_each_worker([](worker* w) {
    if (w != nullptr) w->park_note.wake();
  });
  if (poller* p = the_poller.load()) p->wake();
}

void runtime_state::wake_sentry() noexcept {
  if (worker* w = sentry.load()) w->park_note.wake();
  if (poller* p = the_poller.load()) p->wake();
}

bool runtime_state::nothing_runs() const noexcept {
  bool quiet = true;
  for_each_worker([&](worker* w) {
    const worker_state s = w->state.load();
    quiet = quiet && w->shown.load() == nullptr &&
            (s == worker_state::idle || s == worker_state::sentry || s == worker_state::spare);
  });
  return quiet;
}

std::uint64_t runtime_state::dispatches() const noexcept {
  std::uint64_t n = 0;
  for_each_worker([&](worker* w) { n += w->tick.load(std::memory_order_relaxed); });  // MO-1
  return n;
}

namespace {

// Timers outlive the worker they were armed on: it may be none of this start's.
template <class Runtime, class F>
void for_each_timer_heap(Runtime& r, F&& f) {
  f(r.shared_timers);
  for (const std::atomic<worker*>& slot : r.workers) {
    worker* w = slot.load();
    if (w == nullptr) return;
    f(w->timers);
  }
}

}  // namespace

std::int64_t runtime_state::earliest_timer() const noexcept {
  std::int64_t first = no_deadline;
  for_each_timer_heap(*this, [&](const timer_heap& h) { first = std::min(first, h.earliest()); });
  return first;
}

std::size_t runtime_state::foreground_timers() const noexcept {
  std::size_t n = 0;
  for_each_timer_heap(*this, [&](const timer_heap& h) { n += h.foreground(); });
  return n;
}

int runtime_state::run_timers(std::int64_t t) noexcept {
  int ran = 0;
  for_each_timer_heap(*this, [&](timer_heap& h) { ran += h.run_due(t); });
  return ran;
}

constinit the_runtime_state the_runtime_storage;

}  // namespace rt
TAUT_END_NAMESPACE
