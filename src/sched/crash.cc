// SPDX-License-Identifier: Apache-2.0
// Everything reachable from the handler is async-signal-safe: no allocation, no locks, no stdio
// streams. Its end is certain: each wait has a limit, a timer ends what takes longer, a fault
// inside of it kills at once, for its signals are blocked.
#include "sched/crash.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "arch/interrupted.h"
#include "sched/current.h"
#include "sched/diagnosis.h"
#include "sched/overflow.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr int longest_report = 60;  // seconds

struct sigaction previous_segv, previous_bus;
std::atomic<bool> reports_wanted{false}, dump_written{false};
std::atomic<int> crashing{0};  // thread that reports; 0: none
std::atomic<int> dies_of{0};   // its signal
std::atomic<int> helper_thread{0}, helper_process{0};

int this_thread() noexcept { return static_cast<int>(::syscall(SYS_gettid)); }

sigset_t all_fatal() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (int s : fatal_signals) ::sigaddset(&set, s);
  return set;
}

void default_action(int signal) noexcept {
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(signal, &plain, nullptr);
}

// Dies of the signal now, even inside its handler.
void die_of(int signal) noexcept {
  default_action(signal);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::syscall(SYS_tgkill, ::getpid(), this_thread(), signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void on_time_out(int) noexcept { die_of(dies_of.load()); }

// A timer of this thread's: other threads may block every signal.
void limit_time() noexcept {
  struct sigaction end = {};
  end.sa_handler = on_time_out;
  ::sigaction(SIGALRM, &end, nullptr);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGALRM;
  event._sigev_un._tid = this_thread();
  int timer = 0;
  itimerspec when = {};
  when.it_value.tv_sec = longest_report;
  if (::syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == 0)
    ::syscall(SYS_timer_settime, timer, 0, &when, nullptr);
}

fatal_signal describe(int signal, const siginfo_t& info, const void* raw) noexcept {
  fatal_signal f;
  f.number = signal;
  f.code = info.si_code;
  if (info.si_code > 0) f.address = reinterpret_cast<std::uintptr_t>(info.si_addr);
  f.registers = interrupted_registers(raw);
  if (worker* w = current_worker()) f.worker = w->index;
  if (goroutine* g = current_goroutine_or_null()) f.goroutine = g->id.load();
  return f;
}

// Whether the program's own handler has dealt with it.
bool forwarded(int signal, siginfo_t* info, void* context) noexcept {
  if (signal != SIGSEGV && signal != SIGBUS) return false;
  const struct sigaction& previous = signal == SIGSEGV ? previous_segv : previous_bus;
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
    return true;
  }
  if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) return false;
  previous.sa_handler(signal);
  return true;
}

void on_fatal_signal(int signal, siginfo_t* info, void* context) noexcept {
  const int saved_errno = errno;
  const int me = this_thread();
  if (me == helper_thread.load() && crash_help_failed()) {
    // The crashed thread goes on without help; what this one has damaged or locked stays so.
    for (;;) ::pause();
  }
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const bool fault = (signal == SIGSEGV || signal == SIGBUS) && info->si_code > 0;
  const bool overflow = fault && is_stack_guard(address);
  if (!overflow && forwarded(signal, info, context)) {
    errno = saved_errno;
    return;
  }
  int nobody = 0;
  if (!crashing.compare_exchange_strong(nobody, me)) {
    // Another thread's report is under way: the process is about to die. Nested: at once.
    for (int i = 0; nobody != me && i < 2 * longest_report; ++i) ::usleep(1'000'000);
    die_of(signal);
    return;
  }
  dies_of.store(signal);
  fatal_signal what = describe(signal, *info, context);
  what.stack_overflow = overflow;
  note_fatal_signal(signal, what.goroutine);
  if (overflow) report_overflow(address);
  if (reports_wanted.load() && !dump_written.exchange(true)) {
    limit_time();
    const bool help = helper_process.load() == ::getpid() && me != helper_thread.load();
    write_crash_report(what, help);
  }
  errno = saved_errno;
  if (info->si_code > 0) {
    // The instruction runs again and meets the default: a core file that shows the place.
    default_action(signal);
  } else {
    die_of(signal);
  }
}

// Those of SIGSEGV and SIGBUS are chained; another signal's handler of the program's stays.
void install(int signal) noexcept {
  struct sigaction mine = {}, old = {};
  mine.sa_sigaction = on_fatal_signal;
  mine.sa_flags = SA_SIGINFO | SA_ONSTACK;
  mine.sa_mask = all_fatal();
  if (signal == SIGSEGV) {
    ::sigaction(signal, &mine, &previous_segv);
  } else if (signal == SIGBUS) {
    ::sigaction(signal, &mine, &previous_bus);
  } else {
    ::sigaction(signal, nullptr, &old);
    if ((old.sa_flags & SA_SIGINFO) == 0 && old.sa_handler == SIG_DFL)
      ::sigaction(signal, &mine, nullptr);
  }
}

}  // namespace

void install_crash_handlers(bool reports) noexcept {
  static std::atomic<bool> faults{false}, rest{false};
  reports_wanted.store(reports);
  for (int s : {SIGSEGV, SIGBUS}) {
    if (!faults.load()) install(s);
  }
  faults.store(true);
  if (!reports || rest.exchange(true)) return;
  for (int s : {SIGFPE, SIGILL, SIGABRT}) install(s);
}

void dump_is_written() noexcept { dump_written.store(true); }

void set_crash_help(bool there) noexcept { helper_process.store(there ? ::getpid() : 0); }

void begin_crash_help() noexcept {
  // A fault of the helper's own must reach the handler.
  const sigset_t set = all_fatal();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  helper_thread.store(this_thread());
}

}  // namespace rt
TAUT_END_NAMESPACE
