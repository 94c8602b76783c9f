// SPDX-License-Identifier: Apache-2.0
// A worker: one thread that runs goroutines, and the queues it owns.
//
// There is one worker per usable CPU, plus spare ones: while a worker is stuck in a blocking call
// or hogged by a goroutine that does not switch, a spare takes part and steals what the stuck one
// had queued. A worker that finds too many at work retires to the spare list. (Rejected: taking the
// queues away from a stuck worker. It would touch them when its call returns; stealing is safe
// already.)
//
// A switch goes from goroutine to goroutine directly; the scheduler's own context, on the thread's
// stack, runs only when there is nothing to run locally. What must happen to the goroutine that was
// left (release a lock, put it into a queue, free it) is the `commit`, run by whoever continues.
//
// Memory order
//   MO-1  relaxed: read by other threads as a hint or for diagnosis (tick, state, counters).
//   MO-2  run_next: release when filled, acquire when taken: the goroutine's fields travel with it.
//         Pairs with itself.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "arch/sanitizer.h"
#include "arch/tls_range.h"
#include "base/note.h"
#include "base/random.h"
#include "sched/current.h"
#include "sched/goroutine.h"
#include "sched/latencies.h"
#include "sched/run_queue.h"
#include "sched/timers.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct runtime_state;

enum class worker_state : std::uint8_t {
  unborn,    // no thread yet
  running,   // runs goroutines, or looks for one
  spinning,  // looks for work in others' queues
  idle,      // in the idle list, asleep
  sentry,    // in the idle list, waits for events and timers on behalf of all
  spare,     // in the spare list, asleep; not counted as able to work
  ended,
};

using commit_function = void (*)(void* argument, goroutine* left);

// No state of a lock: the caller is no goroutine, or is to pass a choice point first.
inline constexpr std::uint64_t look_closer = ~std::uint64_t{0};

struct alignas(128) worker {
  // --- Touched by its own thread at every switch.
  goroutine* current = nullptr;  // running goroutine; nullptr: the scheduler's context
  // The state of a lock that it takes, in the thread's block, where lock() finds it by one load:
  // its id, shifted. Or look_closer. Written by its own thread, and by who asks for should_yield.
  // With a perturbed schedule it is kept here, where nobody finds it: each lock and unlock looks
  // closer.
  std::atomic<std::atomic<std::uint64_t>*> owner{nullptr};
  std::atomic<std::uint64_t> hidden_owner{0};
  goroutine* left = nullptr;  // the goroutine a commit is due for
  commit_function commit = nullptr;
  void* commit_argument = nullptr;
  int* errno_address = nullptr;
  eh_globals* exceptions = nullptr;
  void* scheduler_sp = nullptr;
  runtime_state* runtime = nullptr;
  goroutine* free_list = nullptr;  // idle goroutines of the default stack size, warmest first
  std::uint32_t free_count = 0;
  waiter* waiter_cache = nullptr;  // for selects
  std::size_t waiter_count = 0;
  std::uint64_t next_id = 0, last_id = 0;  // goroutine ids of this worker's own batch
  rt::random rng{1};
  std::uint32_t due_look = 0;     // dispatches until timers and shared queues are looked at
  std::uint32_t fresh_turn = 0;   // alternates between woken and fresh
  std::int64_t oldest_taken = 0;  // coarse time when the oldest fresh goroutine was preferred last
  std::int64_t measured_at = 0;   // coarse time
  bool fed = false;               // something came by the inbox since it ran out of work last

  // --- Written by its thread, read by others.
  std::atomic<std::uint32_t> tick{0};  // dispatches
  std::atomic<worker_state> state{worker_state::unborn};
  std::atomic<bool> blocked{false};       // inside blocking(), or found stuck: others may take
                                          // everything
  std::atomic<bool> should_yield{false};  // its goroutine hogs it: give it up at the next choice
                                          // point
  std::atomic<std::uint64_t> created{0}, ended{0};  // goroutines
  std::atomic<std::uint64_t> migrations{0}, pinned_back{0}, steals{0}, parks{0};
  std::atomic<goroutine*> shown{nullptr};     // `current`, for the watching thread and dumps
  std::atomic<std::uint32_t> passed_over{0};  // might have been measured since somebody was
  latency_histogram latencies;                // of goroutines that it dispatched

  // --- Shared.
  std::atomic<goroutine*> run_next{nullptr};  // the goroutine readied last, runs next; taken by CAS
  run_queue woken;
  fresh_queue fresh;
  alignas(64) std::atomic<goroutine*> inbox{nullptr};  // goroutines that must run here, pushed by
                                                       // others
  timer_heap timers;
  note park_note;
  worker* idle_next = nullptr;  // guarded by the runtime's idle lock
  bool in_idle_list = false;    // guarded by the runtime's idle lock
  bool woken_to_spin = false;   // the waker counted it as spinning; guarded by the idle lock

  // --- Constant once the thread runs.
  int index = 0;
  pthread_t thread{};
  clockid_t cpu_clock{};
  int tid = 0;
  static constexpr std::size_t most_birth_frames = 32;
  std::uintptr_t birth_frames[most_birth_frames] = {};  // return addresses: who started the thread
  std::size_t birth_frame_count = 0;
  tls_range tls;
  void* signal_stack = nullptr;
  sanitizer_context scheduler_context;

  // --- The watching thread's notes.
  std::uint32_t seen_tick = 0;
  std::int64_t seen_since = 0, seen_cpu = 0, last_report = 0;
  bool compensated = false;
  bool stalled = false;  // counted, and not dispatched since

  // Puts a goroutine that may run here into the run-next slot; what was there goes to a queue.
  // Owner only.
  void push_next(goroutine* g) noexcept {
    if (run_next.load(std::memory_order_relaxed) == nullptr) {  // MO-1: others only empty the slot
      run_next.store(g, std::memory_order_release);             // MO-2
      return;
    }
    goroutine* kicked = run_next.exchange(g);
    if (kicked != nullptr) push(kicked);
  }
  // Appends to the fitting queue. Owner only.
  void push(goroutine* g) noexcept {
    if (TAUT_UNLIKELY(!(g->home == nullptr ? fresh.push(g) : woken.push(g)))) overflow(g);
  }
  // From any thread: g must, or should, run on this worker. Wakes it when it sleeps.
  void push_inbox(goroutine* g) noexcept;
  // Something to run from its own queues, accepted; nullptr when there is nothing. Owner only.
  // leaving: who calls and may come back; null: it has ended, or it is the scheduler's context.
  // (dispatch.h)
  goroutine* next_local(goroutine* leaving) noexcept;
  // Whether g may run here now; when not, g was sent to its home.
  bool accept(goroutine* g) noexcept {
    return TAUT_LIKELY(g->home == this || g->home == nullptr) || accept_from_elsewhere(g);
  }
  // Has queued work that another worker could take.
  bool has_stealable() const noexcept {
    return !woken.empty() || !fresh.empty() ||
           run_next.load(std::memory_order_relaxed) != nullptr;  // MO-1
  }
  void drain_inbox() noexcept;
  goroutine* take_next() noexcept {
    goroutine* g = run_next.load(std::memory_order_relaxed);  // MO-1
    while (g != nullptr &&
           !run_next.compare_exchange_weak(g, nullptr, std::memory_order_acquire)) {  // MO-2
    }
    return g;
  }
  // Every 64th dispatch: what must not starve behind a busy local queue.
  goroutine* look_around() noexcept;
  bool timers_due() noexcept;

 private:
  bool accept_from_elsewhere(goroutine* g) noexcept;
  void overflow(goroutine* g) noexcept;
};

// The thread's loop: find a goroutine, run it. Returns when the runtime stops.
void run_worker(worker* w) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
