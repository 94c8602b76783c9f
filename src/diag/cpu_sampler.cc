// SPDX-License-Identifier: Apache-2.0
// The handler, and the timers.
//
// The handler interrupts anything: the scheduler between two goroutines, the unwinder, the
// allocator. It takes no lock, allocates nothing, and touches only the ring, the interrupted
// thread's own stack, tables that are complete before they are published, and the goroutine on
// whose stack the thread is: that one belongs to this thread until the handler returns, and with it
// its reference to its labels. (A goroutine takes a set out of its descriptor before it drops it.)
//
// A thread is on a goroutine's stack exactly if its stack pointer is: in the middle of a switch the
// worker's `current` is already the next one.
//
// Life      stop() deletes the timers, then waits until no handler is inside, so that what follows
//           may reset the ring and free the areas. A signal that was on its way comes later and
//           finds active_ false. The handler stays installed: SIGPROF's default would end the
//           process.
//
// Memory order: all sequentially consistent; a hundred times per second it does not matter.
#include "diag/cpu_sampler.h"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "arch/interrupted.h"
#include "base/handoff.h"
#include "base/random.h"
#include "sched/current.h"
#include "sched/labels.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

struct sigaction previous;

bool on_stack_of(const goroutine* g, std::uintptr_t sp) noexcept {
  return g != nullptr && sp >= reinterpret_cast<std::uintptr_t>(g->stack_low) &&
         sp < reinterpret_cast<std::uintptr_t>(g->stack_high);
}

// The goroutine whose stack the interrupted code runs on; nullptr: a stack of the thread's.
const goroutine* interrupted_goroutine(std::uintptr_t sp) noexcept {
  const worker* w = current_worker();
  if (w == nullptr) return nullptr;
  if (on_stack_of(w->current, sp)) return w->current;
  return on_stack_of(w->left, sp) ? w->left : nullptr;
}

int self() noexcept { return static_cast<int>(::syscall(SYS_gettid)); }

// The clock of what a thread computes, as pthread_getcpuclockid() makes it of a pthread_t.
clockid_t cpu_clock_of(int tid) noexcept {
  constexpr unsigned per_thread = 4, scheduled = 2;
  return static_cast<clockid_t>(~static_cast<unsigned>(tid) << 3 | per_thread | scheduled);
}

// False: the thread it belonged to has ended, and its number is another's now.
bool still_runs(timer_t t) noexcept {
  itimerspec left = {};
  return ::timer_gettime(t, &left) == 0 &&
         (left.it_value.tv_sec != 0 || left.it_value.tv_nsec != 0);
}

}  // namespace

cpu_sampler& the_cpu_sampler() noexcept {
  static auto* const instance = new cpu_sampler;  // a late signal may find it
  return *instance;
}

void cpu_sampler::sample(const void* context, int overrun) noexcept {
  const frame_registers from = interrupted_registers(context);
  const goroutine* g = interrupted_goroutine(from.sp);
  stack_bounds bounds = {from.sp, 0};
  if (g != nullptr) {
    bounds.high = reinterpret_cast<std::uintptr_t>(g->stack_high);
  } else if (const stack_areas* known = areas_.load()) {
    bounds = known->above(from.sp);
  }
  const unseen_section unseen;  // the ring hands it on
  const bool written = ring_.put([&](cpu_sample& s) {
    s.goroutine = g == nullptr ? 0 : g->id.load();
    s.tid = self();
    s.frames = static_cast<std::uint16_t>(unwind(from, bounds, s.pcs, cpu_sample::most_frames));
    if (s.frames != 0) ++s.pcs[0];  // all are return addresses then
    s.name[0] = 0;
    s.labels = 0;
    if (g == nullptr) return;
    std::memcpy(s.name, g->name, sizeof s.name);
    s.name[sizeof s.name - 1] = 0;
    if (const label_set* l = g->labels; l != nullptr && l->used <= sizeof s.label_text) {
      static_assert(sizeof l->text == sizeof s.label_text);
      s.labels = static_cast<std::uint16_t>(l->used);
      std::memcpy(s.label_text, l->text, l->used);
    }
  });
  if (!written) ring_full_.fetch_add(1);
  if (overrun > 0) merged_.fetch_add(static_cast<std::uint64_t>(overrun));
}

void cpu_sampler::on_signal(int signal, siginfo_t* info, void* context) noexcept {
  const int saved_errno = errno;
  cpu_sampler& s = the_cpu_sampler();
  if (info->si_code == SI_TIMER && info->si_value.sival_ptr == &s) {
    s.inside_.fetch_add(1);
    if (s.active_.load()) s.sample(context, info->si_overrun);
    s.inside_.fetch_sub(1);
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
  errno = saved_errno;
}

// The program may have installed a handler of its own since the last time: it is called for what is
// not ours.
bool cpu_sampler::install() noexcept {
  struct sigaction now = {};
  if (::sigaction(SIGPROF, nullptr, &now) != 0) return false;
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal) return true;
  previous = now;
  struct sigaction mine = {};
  mine.sa_sigaction = on_signal;
  mine.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  return ::sigaction(SIGPROF, &mine, nullptr) == 0;
}

// Threads that have come may have stacks in new memory. A handler that is inside may still use the
// areas before; they are freed by the next call that finds nobody inside.
void cpu_sampler::renew_areas() {
  all_areas_.push_back(std::make_unique<const stack_areas>(stack_areas::read()));
  areas_.store(all_areas_.back().get());
  if (inside_.load() == 0) all_areas_.erase(all_areas_.begin(), all_areas_.end() - 1);
}

bool cpu_sampler::start() {
  refresh_modules();
  if (!ring_.reset() || !install()) return false;
  ring_full_.store(0);
  merged_.store(0);
  without_timer_ = 0;
  own_tid_ = self();
  active_.store(true);
  look_for_threads();
  return true;
}

bool cpu_sampler::give_timer(int tid, thread_timer& t) noexcept {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event.sigev_value.sival_ptr = this;
  event._sigev_un._tid = tid;
  timer_t made;
  if (::timer_create(cpu_clock_of(tid), &event, &made) != 0) {
    if (errno == EAGAIN) ++without_timer_;
    return false;  // or it has ended
  }
  // Not all at the same beat.
  random r(static_cast<std::uint64_t>(tid));
  r.next();
  itimerspec beat = {};
  beat.it_interval.tv_nsec = period;
  beat.it_value.tv_nsec = 1 + r.below(period);
  if (::timer_settime(made, 0, &beat, nullptr) != 0) {
    ::timer_delete(made);
    return false;
  }
  t = {made, true};
  return true;
}

void cpu_sampler::look_for_threads() {
  std::vector<int> fresh;
  for (auto& [tid, t] : timers_) t.seen = false;
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return;
  while (const dirent* d = ::readdir(tasks)) {
    int tid = 0;
    std::from_chars(d->d_name, d->d_name + std::strlen(d->d_name), tid);
    if (tid == 0 || tid == own_tid_) continue;
    const auto found = timers_.find(tid);
    if (found != timers_.end() && still_runs(found->second.timer)) {
      found->second.seen = true;
    } else {
      fresh.push_back(tid);
    }
  }
  ::closedir(tasks);
  std::erase_if(timers_, [](const auto& one) {
    if (one.second.seen) return false;
    ::timer_delete(one.second.timer);
    return true;
  });
  if (fresh.empty()) return;
  renew_areas();
  without_timer_ = 0;
  for (int tid : fresh) {
    thread_timer t = {};
    if (give_timer(tid, t)) timers_.emplace(tid, t);
  }
}

void cpu_sampler::stop() noexcept {
  for (const auto& [tid, t] : timers_) ::timer_delete(t.timer);
  timers_.clear();
  active_.store(false);
  while (inside_.load() != 0) ::usleep(100);
  areas_.store(nullptr);
  all_areas_.clear();
}

cpu_sampler::losses cpu_sampler::lost() const noexcept {
  return {ring_full_.load(), merged_.load(), without_timer_};
}

}  // namespace rt
TAUT_END_NAMESPACE
