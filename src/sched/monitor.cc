// SPDX-License-Identifier: Apache-2.0
// The watching thread: stalls, timers that nobody looks at, stacks nobody needs, the deadlock
// question, SIGQUIT.
//
// It looks every 10 ms while goroutines run, sooner when a timer is due, and sleeps without a time
// limit once nothing has run for a second: an idle process uses no CPU.
//
// A worker that dispatched nothing for options::stall_after while it runs a goroutine is stuck: it
// used that much CPU time (a hog), or it sleeps in the kernel (a blocking call). Either way the
// worker stops counting as able to work, and if work is queued and nobody is idle, a spare joins:
// the stuck worker's queues are stolen as any other's. When its goroutine switches again, one
// worker too many notices and retires.
//
// Memory order
//   MO-1  relaxed: hints written by workers.
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "base/clock.h"
#include "base/recording.h"
#include "sched/crash.h"
#include "sched/diagnosis.h"
#include "sched/idle.h"
#include "sched/park.h"
#include "sched/place.h"
#include "sched/poller.h"
#include "sched/process.h"
#include "sched/registry.h"
#include "sched/runtime_state.h"
#include "sched/stalls.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t quiet_after = 1000 * ms;
constexpr std::int64_t report_every = 1000 * ms;
// How much more CPU time a hog may use before a spare joins, where schedules replay.
constexpr std::int64_t replay_patience = 100;

pthread_t monitor_thread;
std::atomic<bool> monitor_stops{false};

std::int64_t cpu_time(clockid_t clock) noexcept {
  timespec t = {};
  ::clock_gettime(clock, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

// The state letter in /proc: S or D, not R. About 20 us, asked only about a thread whose CPU clock
// stands.
bool sleeps_in_kernel(int tid) noexcept {
  char path[48], text[256];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t n = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (n <= 0) return false;
  text[n] = 0;
  const char* after_name = std::strrchr(text, ')');
  return after_name != nullptr && (after_name[2] == 'S' || after_name[2] == 'D');
}

// Into the log, and to the program if it wants to know. A signal may end the call that a blocked
// thread is in: it is sent only to a program that asked for reports.
void report_stall(runtime_state& r, worker* w, std::int64_t since, std::int64_t t,
                  bool blocked) noexcept {
  if constexpr (!records) return;
  if (w->last_report != 0 && t - w->last_report < report_every) {
    the_stall_log().lasted(w->index, since, t - since);
    return;
  }
  w->last_report = t;
  goroutine* g = w->shown.load();
  if (g == nullptr) return;
  const bool asked = r.wanted.on_stall != nullptr;
  std::uintptr_t frames[64];
  stall s;
  s.goroutine = g->id.load();
  s.worker = w->index;
  s.duration = std::chrono::nanoseconds(t - since);
  s.blocked = blocked;
  s.frame_count = blocked && !asked ? frames_of_sleeping_thread(w->tid, *g, frames, 64)
                                    : frames_of_thread(w->tid, g, frames, 64);
  s.frames = frames;
  timespec wall = {};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  stall_record record = {};
  record.goroutine = s.goroutine;
  record.began = since;
  record.wall = wall.tv_sec * std::int64_t{1'000'000'000} + wall.tv_nsec;
  record.duration = t - since;
  record.worker = w->index;
  record.blocked = blocked;
  std::memcpy(record.name, g->name, sizeof record.name);
  record.name[sizeof record.name - 1] = 0;
  record.frames = std::min(s.frame_count, stall_record::most_frames);
  std::copy_n(frames, record.frames, record.pcs);
  the_stall_log().write(record);
  if (asked) r.wanted.on_stall(s);
}

void look_at(runtime_state& r, worker* w, std::int64_t t) noexcept {
  // One that starts goroutines without switching makes progress too.
  const std::uint32_t tick =
      w->tick.load(std::memory_order_relaxed) +                                // MO-1
      static_cast<std::uint32_t>(w->created.load(std::memory_order_relaxed));  // MO-1
  if (w->state.load() != worker_state::running || w->shown.load() == nullptr ||
      tick != w->seen_tick) {
    if (w->stalled) the_stall_log().lasted(w->index, w->seen_since, t - w->seen_since);
    w->seen_tick = tick;
    w->seen_since = t;
    w->seen_cpu = cpu_time(w->cpu_clock);
    w->stalled = false;
    if (w->compensated) {
      w->compensated = false;
      r.end_blocked(w);
    }
    return;
  }
  const std::int64_t limit = r.wanted.stall_after.count();
  if (t - w->seen_since < limit) return;
  // By its own CPU time it computes, or it sleeps in the kernel; a thread that merely waits for a
  // CPU does neither.
  const std::int64_t used = cpu_time(w->cpu_clock) - w->seen_cpu;
  const bool blocked = used < limit;
  if (blocked && !sleeps_in_kernel(w->tid)) return;
  // blocking() has told of it, and left the worker's queue to others.
  const goroutine* g = w->shown.load();
  if (g != nullptr && g->state.load() != goroutine_state::blocking) {
    if (!w->stalled) {
      w->stalled = true;
      (blocked ? r.stalls_blocked : r.stalls_hogged).fetch_add(1);
    }
    report_stall(r, w, w->seen_since, t, blocked);
  }
  // A schedule that is to replay must not depend on how fast the machine is, so a hog keeps its
  // worker much longer there; but one that spins until another goroutine runs must end as well.
  const bool replays = r.wanted.virtual_time || r.wanted.perturb_seed != 0;
  if (!blocked && replays && used < replay_patience * limit) return;
  // What waits behind a hog may be unable to move elsewhere; at its next operation on a channel or
  // a lock the hog steps back.
  if (!blocked) {
    w->should_yield.store(true);
    choice_points_on.store(true);
    w->owner.load()->store(look_closer);  // lost when it switches just now: then it is no hog
  }
  if (!w->compensated && !w->blocked.load()) {
    w->compensated = true;
    r.begin_blocked(w);
  } else if (anything_queued(r) && r.idle_count.load() == 0 && r.able.load() < r.target) {
    r.add_worker();
  }
}

// Who is idle steals what a blocked worker has queued. With nobody idle, as when each worker has a
// goroutine that only yields, it would wait for the end of the call.
void release_queues(runtime_state& r, worker* w) noexcept {
  if (!w->blocked.load() || !w->has_stealable()) return;
  goroutine *first = nullptr, *last = nullptr;
  int n = 0;
  const auto add = [&](goroutine* g) {
    (first == nullptr ? first : last->next) = g;
    last = g;
    ++n;
  };
  while (goroutine* g = w->fresh.steal()) add(g);
  while (goroutine* g = w->woken.pop()) add(g);
  if (goroutine* g = w->take_next()) add(g);
  if (n != 0) r.inject(first, last, n);
}

// Every thread of the process is the runtime's, or a stand-in's that is parked: nobody is left who
// could do anything.
bool nobody_else(runtime_state& r) noexcept {
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return false;
  int threads = 0;
  while (dirent* d = ::readdir(tasks)) threads += d->d_name[0] != '.';
  ::closedir(tasks);
#if defined(TAUT_TSAN)
  --threads;  // the race detector's own
#endif
  return threads == r.worker_count.load() + 1 + r.threads_waiting.load();
}

bool all_asleep(runtime_state& r) noexcept {
  if (!r.running.load() || r.stopping.load()) return false;
  if (!r.nothing_runs() || anything_queued(r)) return false;
  if (r.foreground_timers() != 0) return false;
  poller* p = the_poller.load();
  if (p != nullptr && p->waiting() > 0) return false;
  if (num_goroutine() == 0 && r.threads_waiting.load() == 0) return false;
  bool forever = true;
  the_registry().for_each([&](goroutine& g) {
    if (g.is_thread && (g.wait_mask.load() & interrupt::deadline) != 0) forever = false;
  });
  return forever;
}

void ask_about_deadlock(runtime_state& r) noexcept {
  if (!r.deadlock_suspected.exchange(false) || !r.wanted.detect_deadlock) return;
  // Twice, some time apart, with no dispatch in between: a thread between two steps must not be
  // taken for one that is asleep.
  const std::uint64_t before = r.dispatches();
  for (int look = 0; look < 2; ++look) {
    for (int i = 0; i < 20 && r.spinning.load() != 0; ++i) ::usleep(100);
    if (!all_asleep(r) || !nobody_else(r)) return;
    ::usleep(2000);
  }
  if (all_asleep(r) && r.dispatches() == before) die_of_deadlock(r);
}

bool io_waits() noexcept {
  poller* p = the_poller.load();
  return p != nullptr && p->waiting() > 0;
}

// Goroutines queued while a worker sleeps: a wake-up that a fence-free push missed.
void repair_wakeups(runtime_state& r) noexcept {
  if (r.idle_count.load() > 0 && anything_queued(r)) r.wake_one();
}

void* monitor_main(void*) {
  ::pthread_setname_np(::pthread_self(), "taut/watch");
  begin_crash_help();
  runtime_state& r = the_runtime();
  std::int64_t last_active = real_now(), last_trim = last_active;
  std::uint64_t seen_activity = 0;
  while (!monitor_stops.load()) {
    std::int64_t t = real_now();
    const std::uint64_t activity = r.dispatches();
    const bool all_idle = r.nothing_runs();
    if (activity != seen_activity || !all_idle) last_active = t;
    seen_activity = activity;
    std::int64_t nap = 10 * ms;
    if (all_idle) {
      nap = t - last_active >= quiet_after ? -1 : 50 * ms;
    } else if (!virtual_time()) {
      const std::int64_t next = r.earliest_timer();
      if (next != no_deadline) nap = std::clamp<std::int64_t>(next - t, ms / 20, nap);
      // The worker that kept watch went to work, others sleep on: events must not wait for long.
      if (r.sentry.load() == nullptr && r.idle_count.load() > 0 && io_waits())
        nap = std::min(nap, ms);
    }
    r.monitor_note.reset();
    if (take_quit_request()) die_of_quit();
    help_with_crash_report();
    if (r.deadlock_suspected.load()) {
      ask_about_deadlock(r);
    } else {
      if (nap < 0) the_registry().trim();
      r.monitor_asleep.store(nap < 0 || all_idle);
      r.monitor_quiet.store(nap < 0);
      // A worker that began since the look above may not have seen the flag.
      if (nap >= 0 || r.nothing_runs()) r.monitor_note.sleep(nap);
      r.monitor_asleep.store(false);
      r.monitor_quiet.store(false);
    }
    if (monitor_stops.load()) break;
    t = real_now();
    if (!virtual_time()) {
      refresh_coarse_time(t);
      if (r.sentry.load() == nullptr) {
        r.run_timers(t);
        // Nobody has looked at the descriptors for a while either; somebody who sleeps without
        // watching may watch.
        if (io_waits()) {
          the_poller.load()->wait(0);
          r.maybe_wake();
        }
      }
    }
    bool wished = r.wanted.perturb_seed != 0;
    r.for_each_worker([&](worker* w) {
      look_at(r, w, t);
      release_queues(r, w);
      wished = wished || w->should_yield.load();
    });
    if (choice_points_on.load() != wished) choice_points_on.store(wished);
    repair_wakeups(r);
    if (t - last_trim > 1000 * ms) {
      last_trim = t;
      the_registry().trim();
    }
  }
  return nullptr;
}

}  // namespace

void runtime_state::begin_blocked(worker* w) noexcept {
  w->blocked.store(true);
  able.fetch_sub(1);
  if (TAUT_UNLIKELY(wanted.force_migrate)) release_inbox(w);
  if (anything_queued(*this)) {
    if (idle_count.load() > 0) {
      wake_one();
    } else {
      add_worker();
    }
  }
}

void runtime_state::end_blocked(worker* w) noexcept {
  w->blocked.store(false);
  able.fetch_add(1);  // one too many retires when it finds nothing to do
}

void start_monitor() {
  monitor_stops.store(false);
  sigset_t all, old;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &old);
  const int error = ::pthread_create(&monitor_thread, nullptr, monitor_main, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (error != 0) fatal("no thread to watch the workers: raise the limit of processes (ulimit -u)");
  set_crash_help(true);
}

void stop_monitor() noexcept {
  set_crash_help(false);
  monitor_stops.store(true);
  the_runtime().monitor_note.wake();
  ::pthread_join(monitor_thread, nullptr);
}

}  // namespace rt
TAUT_END_NAMESPACE
