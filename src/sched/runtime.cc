// SPDX-License-Identifier: Apache-2.0
// Starting, stopping, and asking the runtime.
//
// Memory order
//   MO-1  relaxed: counters with one writer each; a sum over them is a snapshot.
#include "taut/runtime.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>

#include "base/check.h"
#include "base/clock.h"
#include "base/handoff.h"
#include "base/recording.h"
#include "sched/crash.h"
#include "sched/diagnosis.h"
#include "sched/idle.h"
#include "sched/overflow.h"
#include "sched/own_stack.h"
#include "sched/park.h"
#include "sched/poller.h"
#include "sched/process.h"
#include "sched/registry.h"
#include "sched/runtime_state.h"
#include "taut/go.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

void run_goroutine(worker* w, goroutine* g) noexcept;

namespace {

// Guards start and stop against each other; never taken by a goroutine's work.
std::mutex& lifecycle() noexcept {
  static std::mutex m;
  return m;
}

TAUT_NOINLINE int* errno_of_thread() noexcept {
  int* p = &errno;
  asm volatile("" : "+r"(p)::"memory");
  return p;
}

void* thread_main(void* argument) {
  auto* w = static_cast<worker*>(argument);
  char name[16];
  std::snprintf(name, sizeof name, "taut/%d", w->index);
  ::pthread_setname_np(::pthread_self(), name);
  set_current_worker(w);
  w->tid = static_cast<int>(::syscall(SYS_gettid));
  w->errno_address = errno_of_thread();
  w->exceptions = thread_eh_globals();
  w->tls = measure_tls();
  w->signal_stack = install_signal_stack();
  w->scheduler_context.begin_thread();
  w->state.store(worker_state::running);
  announce_handoff(&w->thread);
  while (goroutine* g = find_work(w)) run_goroutine(w, g);
  accept_handoff(&w->left);
  w->state.store(worker_state::ended);
  remove_signal_stack(w->signal_stack);
  set_current_worker(nullptr);
  return nullptr;
}

// A worker's memory comes from its own mapping and is never freed: a late look at it finds an ended
// worker. A restarted runtime uses the slot again.
worker* make_worker(runtime_state& r, int index) noexcept {
  worker* w = r.workers[index].load();
  if (w == nullptr) {
    void* memory = map_runtime_memory(sizeof(worker));
    if (memory == nullptr) return nullptr;
    w = ::new (memory) worker;
    w->index = index;
    w->runtime = &r;
    r.workers[index].store(w);
  }
  w->rng = rt::random(r.wanted.perturb_seed != 0
                          ? r.wanted.perturb_seed + static_cast<std::uint64_t>(index)
                          : static_cast<std::uint64_t>(real_now()) +
                                static_cast<std::uint64_t>(index) * 7919);
  w->state.store(worker_state::running);
  w->due_look = 0;
  w->fresh_turn = 0;
  w->oldest_taken = 0;
  w->last_report = 0;
  w->compensated = false;
  w->blocked.store(false);
  w->should_yield.store(false);
  return w;
}

// Where a thread is started from, for the profile threadcreate: at a goroutine's blocking call, the
// watching thread, or the program's start.
void note_birth(worker* w) noexcept {
  if constexpr (!records) return;
  w->birth_frame_count = own_frames(w->birth_frames, worker::most_birth_frames);
}

bool launch(runtime_state& r, int index) noexcept {
  worker* w = make_worker(r, index);
  if (w == nullptr) return false;
  note_birth(w);
  // A worker takes no signals but those sent to it: the program's handlers run on the program's
  // threads.
  sigset_t all, old;
  ::sigfillset(&all);
  for (int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGURG, SIGPROF})
    ::sigdelset(&all, s);
  ::pthread_sigmask(SIG_SETMASK, &all, &old);
  const int error = ::pthread_create(&w->thread, nullptr, thread_main, w);
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (error != 0) {
    w->state.store(worker_state::ended);
    return false;
  }
  ::pthread_getcpuclockid(w->thread, &w->cpu_clock);
  return true;
}

int wanted_workers(const options& o) {
  int n = o.workers;
  if (n == 0) {
    if (const char* text = std::getenv("TAUT_WORKERS")) n = std::atoi(text);
  }
  if (n <= 0) n = usable_cpus();
  return n < max_workers / 2 ? n : max_workers / 2;
}

void start_locked(const options& wanted) {
  runtime_state& r = the_runtime();
  if (r.running.load()) throw panic("taut::start: the runtime runs already");
  r.wanted = wanted;
  if (r.wanted.perturb_seed == 0) {
    if (const char* seed = std::getenv("TAUT_SEED"))
      r.wanted.perturb_seed = std::strtoull(seed, nullptr, 10);
  }
  if (std::getenv("TAUT_FORCE_MIGRATE") != nullptr) r.wanted.force_migrate = true;
  if (r.wanted.stall_after.count() <= 0) r.wanted.stall_after = std::chrono::milliseconds(10);
  r.default_class = stack_class_for(wanted.stack_size);
  if (r.default_class < 0) throw panic("taut::start: options::stack_size is too large");
  r.target = wanted_workers(wanted);
  r.stopping.store(false);
  r.main_exited.store(false);
  r.worker_count.store(0);
  set_virtual_time(wanted.virtual_time);
  refresh_coarse_time(now());
  choice_points_on.store(r.wanted.perturb_seed != 0);
  prepare_diagnosis();
  install_crash_handlers(wanted.handle_crash);
  install_process_hooks(wanted);
  r.able.store(r.target);
  for (int i = 0; i < r.target; ++i) {
    if (!launch(r, i)) {
      r.stopping.store(true);
      r.wake_all();
      for (int j = 0; j < i; ++j) ::pthread_join(r.workers[j].load()->thread, nullptr);
      throw std::system_error(make_error_code(errc::unavailable),
                              "taut::start: no thread for a worker");
    }
    r.worker_count.store(i + 1);
  }
  start_monitor();
  r.running.store(true);
}

}  // namespace

void ensure_started() {
  if (TAUT_LIKELY(the_runtime().running.load())) return;
  std::lock_guard hold_lifecycle(lifecycle());
  if (!the_runtime().running.load()) start_locked({});
}

bool runtime_state::add_worker() noexcept {
  {
    hold h(idle_lock);
    if (worker* w = spare_list) {
      spare_list = w->idle_next;
      able.fetch_add(1);
      w->park_note.wake();
      return true;
    }
  }
  // Only the watching thread and blocking() add workers; a race for the slot is settled by the
  // count.
  static std::mutex growing;
  std::lock_guard hold_growing(growing);
  const int i = worker_count.load();
  if (i >= max_workers || stopping.load()) return false;
  able.fetch_add(1);
  if (!launch(*this, i)) {
    able.fetch_sub(1);
    return false;
  }
  worker_count.store(i + 1);
  return true;
}

}  // namespace rt

using namespace rt;

void start(const options& wanted) {
  std::lock_guard hold_lifecycle(lifecycle());
  start_locked(wanted);
}

std::size_t stop() {
  if (current_goroutine_or_null() != nullptr) throw panic("taut::stop called by a goroutine");
  std::lock_guard hold_lifecycle(lifecycle());
  runtime_state& r = the_runtime();
  if (!r.running.load()) return 0;
  stop_monitor();  // before workers end: it writes to their threads' blocks
  r.stopping.store(true);
  // A worker that just entered the idle list may miss one round of wake-ups.
  const int n = r.worker_count.load();
  for (int i = 0; i < n; ++i) {
    worker* w = r.workers[i].load();
    while (w->state.load() != worker_state::ended) {
      r.wake_all();
      ::usleep(100);
    }
    ::pthread_join(w->thread, nullptr);
  }
  const std::size_t left = num_goroutine();
  abandon_goroutines(r);
  r.running.store(false);
  choice_points_on.store(false);
  set_virtual_time(false);
  return left;
}

int workers() noexcept { return the_runtime().running.load() ? the_runtime().target : 0; }

std::size_t num_goroutine() noexcept {
  runtime_state& r = the_runtime();
  // Ends are read first: a goroutine born and ended in between must not count as minus one.
  std::uint64_t ended = 0, created = 0;
  for (auto& slot : r.workers) {
    worker* w = slot.load(std::memory_order_relaxed);  // MO-1
    if (w == nullptr) break;
    ended += w->ended.load();
  }
  created = r.foreign_created.load();
  for (auto& slot : r.workers) {
    worker* w = slot.load(std::memory_order_relaxed);  // MO-1
    if (w == nullptr) break;
    created += w->created.load();
  }
  return static_cast<std::size_t>(created - ended);
}

namespace detail {

void run_main(void (*call)(void*), void* argument) TAUT_LOCKS_BY_HAND {
  if (current_goroutine_or_null() != nullptr) throw panic("taut::run called by a goroutine");
  ensure_started();
  struct state {
    lock guard{rank::sema};
    bool done = false;
    goroutine* waiting = nullptr;
  } s;
  struct finish {
    state* of;
    bool completed = false;
    ~finish() {
      if (!completed) {
        // goexit(): the others go on, and run() does not return.
        the_runtime().main_exited.store(true);
        return;
      }
      announce_handoff(of);
      of->guard.acquire();
      of->done = true;
      goroutine* waiting = of->waiting;
      of->guard.release();
      if (waiting != nullptr) ready(waiting);
    }
  };
  go(go_options{.name = "main"}, [&s, call, argument] {
    finish f{&s};
    call(argument);
    f.completed = true;
  });
  goroutine* g = current_goroutine();
  s.guard.acquire();
  if (s.done) {
    s.guard.release();
    accept_handoff(&s);
    return;
  }
  s.waiting = g;
  record_wait(g, wait_info{wait_reason::semacquire, &s, site::here()});
  park_unprofiled(g, release_lock, &s.guard);  // says nothing about the program
}

}  // namespace detail

TAUT_END_NAMESPACE
