// SPDX-License-Identifier: Apache-2.0
// The running runtime: its workers, who is idle, the shared queue.
//
// Idle protocol
//   A worker without work spins about 10 us through the others' queues (a futex wake costs 31 us on
//   a virtual machine, a spinning worker answers in 0.1), then enters the idle list and sleeps: the
//   first as sentry, in the poller until the earliest timer; the rest on their notes. Submitting to
//   a worker's own queue needs no fence: the owner runs and will get to it; a lost look only loses
//   parallelism until the next push, or the watching thread's next look. Submitting to the inject
//   queue or an inbox is a seq_cst operation followed by a look at the idle count, and a worker
//   looks at all queues once more after it entered the idle list: one of the two sees the other. At
//   most one woken worker spins at a time; it wakes the next when it finds work. Beside it, one
//   that its inbox fed watches that inbox, as long, before it sleeps.
//
// Locks         idle_lock (rank::sched): idle and spare lists, inject queue.
//
// Memory order
//   MO-1  relaxed: hints whose late view is repaired by the protocol above.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/lock.h"
#include "sched/goroutine.h"
#include "sched/timers.h"
#include "sched/worker.h"
#include "taut/export.h"
#include "taut/runtime.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

inline constexpr int max_workers = 512;

struct runtime_state {
  // --- Constant while it runs.
  options wanted;
  int target = 0;         // workers that may work at once
  int default_class = 0;  // stack class of the option
  std::atomic<bool> running{false};
  std::atomic<bool> stopping{false};

  // --- Workers. Slots fill up and stay; their memory is never freed.
  std::atomic<worker*> workers[max_workers] = {};
  std::atomic<int> worker_count{0};  // slots in use
  std::atomic<int> able{0};          // workers that are not blocked and not spare
  std::atomic<int> idle_count{0};
  std::atomic<int> spinning{0};
  // Stalls since the process began, by kind. Written by the watching thread.
  std::atomic<std::uint64_t> stalls_blocked{0}, stalls_hogged{0};
  std::atomic<worker*> sentry{nullptr};
  std::atomic<std::int64_t> sentry_deadline{0};  // when the sentry will look at the timers; 0:
                                                 // nobody sleeps on them

  lock idle_lock{rank::sched};
  worker* idle_list TAUT_GUARDED_BY(idle_lock) = nullptr;
  worker* spare_list TAUT_GUARDED_BY(idle_lock) = nullptr;
  goroutine* inject_head TAUT_GUARDED_BY(idle_lock) = nullptr;
  goroutine* inject_tail TAUT_GUARDED_BY(idle_lock) = nullptr;
  std::atomic<int> injected{0};  // length of the inject queue

  timer_heap shared_timers;  // armed by foreign threads
  std::atomic<std::uint64_t> last_id{0};
  std::atomic<std::uint64_t> foreign_created{0};
  std::atomic<int> threads_waiting{0};   // stand-ins parked now
  std::atomic<bool> main_exited{false};  // run()'s goroutine ended by goexit()
  note monitor_note;
  std::atomic<bool> monitor_asleep{false};
  std::atomic<bool> monitor_quiet{false};  // it sleeps without a time limit: who begins to work
                                           // wakes it
  std::atomic<bool> deadlock_suspected{false};

  // Appends goroutines linked by `next` and wakes a worker. From any thread.
  void inject(goroutine* first, goroutine* last, int count) noexcept;
  // Takes one for w, and up to most - 1 more into w's own queues, its share of them. Owner of w
  // only.
  goroutine* take_injected(worker* w, int most) noexcept;
  // Wakes an idle worker unless one is looking for work already.
  void wake_one() noexcept;
  // As above, for the common case that nobody is idle.
  void maybe_wake() noexcept {
    if (TAUT_UNLIKELY(idle_count.load(std::memory_order_relaxed) != 0)) wake_one();  // MO-1
  }
  // Wakes this very worker.
  void wake(worker* w) noexcept;
  void wake_all() noexcept;
  // A timer was armed: the sentry must not sleep past it.
  void timer_armed(std::int64_t deadline) noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (TAUT_UNLIKELY(sentry_deadline.load(std::memory_order_relaxed) > deadline))
      wake_sentry();  // MO-1
  }
  void wake_sentry() noexcept;
  // Every worker sleeps or is about to: none runs a goroutine, looks for one, or is stuck in one. A
  // snapshot, exact only when nothing else could submit.
  bool nothing_runs() const noexcept;
  // Grows whenever any worker dispatches.
  std::uint64_t dispatches() const noexcept;
  std::int64_t earliest_timer() const noexcept;
  std::size_t foreground_timers() const noexcept;
  int run_timers(std::int64_t t) noexcept;
  // A worker stopped being able to work (blocked), or is again. See monitor.cc.
  void begin_blocked(worker* w) noexcept;
  void end_blocked(worker* w) noexcept;
  // For options::force_migrate: makes g, which may move, run on another worker than `from` (null: a
  // foreign thread).
  void migrate(goroutine* g, worker* from) noexcept;
  // Puts what waits in the inbox of a blocked worker where others find it.
  void release_inbox(worker* w) noexcept;
  // Adds a worker: a spare one, or a new thread. False at the limit or without threads.
  bool add_worker() noexcept;

  template <class F>
  void for_each_worker(F&& f) const {
    const int n = worker_count.load();
    for (int i = 0; i < n; ++i) f(workers[i].load());
  }
};

// Never destroyed: threads run until the process ends.
union the_runtime_state {
  runtime_state value;
  constexpr the_runtime_state() noexcept : value() {}
  constexpr ~the_runtime_state() {}  // NOLINT(modernize-use-equals-default): that destroys
};
extern constinit the_runtime_state the_runtime_storage;
inline runtime_state& the_runtime() noexcept { return the_runtime_storage.value; }

// Starts the runtime with default options unless it runs.
void ensure_started();

// Async part of begin/stop shared with runtime.cc.
void start_monitor();
void stop_monitor() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
