// SPDX-License-Identifier: Apache-2.0
// SIGURG, as Go uses for preemption: its default is to be ignored, and programs rarely use it. A
// handler of the program's is called too.
#include "sched/place.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "arch/interrupted.h"
#include "base/clock.h"
#include "base/note.h"
#include "sched/current.h"
#include "sched/registry.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t most_frames = 512;  // as many as are taken of a stack that waits
// Who does not run answers when it gets a processor: by then it has, where a few share one.
constexpr std::int64_t answer_within = 20'000'000;
constexpr std::int64_t look_every = 5'000'000;

// The question under way, of one caller. The handler answers only the one it was sent for.
// One that was given up while the handler answered may still write: no other begins until it has.
std::atomic<bool> asking{false};
std::atomic<int> answering{0};
std::atomic<int> asked_tid{0};
std::atomic<const goroutine*> asked_for{nullptr};  // null: whichever
std::atomic<std::size_t> answered{0};
std::uintptr_t answer[most_frames];
note answer_note;
struct sigaction previous;

void on_signal(int signal, siginfo_t* info, void* raw) noexcept {
  const int saved_errno = errno;
  int me = static_cast<int>(::syscall(SYS_gettid));
  answering.fetch_add(1);
  const bool asked = asked_tid.compare_exchange_strong(me, 0);
  if (asked) {
    const frame_registers from = interrupted_registers(raw);
    worker* w = current_worker();
    goroutine* g = w == nullptr ? nullptr : w->shown.load();
    const goroutine* wanted = asked_for.load();
    std::size_t n = 0;
    if (g != nullptr && (wanted == nullptr || wanted == g) &&
        from.sp >= reinterpret_cast<std::uintptr_t>(g->stack_low) &&
        from.sp < reinterpret_cast<std::uintptr_t>(g->stack_high)) {
      n = unwind(from, {from.sp, reinterpret_cast<std::uintptr_t>(g->stack_high)}, answer,
                 most_frames);
    }
    answered.store(n);
  }
  answering.fetch_sub(1);
  if (asked) {
    answer_note.wake();
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, raw);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
  errno = saved_errno;
}

void install_once() noexcept {
  static std::atomic<bool> done{false};
  if (done.exchange(true)) return;
  struct sigaction mine = {};
  mine.sa_sigaction = on_signal;
  mine.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigaction(SIGURG, &mine, &previous);
}

enum class thread_look { unknown, running, asleep };

// "NUMBER ARGUMENTS SP PC" in a system call, "-1 SP PC" in the kernel otherwise, "running" else.
thread_look look_at(int tid, frame_registers& at) noexcept {
  char path[48], text[256];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return thread_look::unknown;
  const ssize_t n = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (n <= 0) return thread_look::unknown;
  text[n] = 0;
  if (std::strncmp(text, "running", 7) == 0) return thread_look::running;
  char* const last = std::strrchr(text, ' ');
  if (last == nullptr) return thread_look::unknown;
  *last = 0;
  const char* const second_last = std::strrchr(text, ' ');
  if (second_last == nullptr) return thread_look::unknown;
  at = {std::strtoul(last + 1, nullptr, 16), std::strtoul(second_last + 1, nullptr, 16), 0};
  return thread_look::asleep;
}

std::size_t frames_from(const frame_registers& at, const goroutine& g, std::uintptr_t* frames,
                        std::size_t limit) noexcept {
  const auto low = reinterpret_cast<std::uintptr_t>(g.stack_low);
  const auto high = reinterpret_cast<std::uintptr_t>(g.stack_high);
  if (at.sp < low || at.sp >= high) return 0;
  return unwind(at, {at.sp, high}, frames, limit);
}

// One caller at a time. The others wait, as long as for an answer.
bool begin_to_ask() noexcept {
  for (const std::int64_t last = real_now() + answer_within; asking.exchange(true);) {
    if (real_now() >= last) return false;
    const timespec nap{0, 100'000};
    ::nanosleep(&nap, nullptr);
  }
  if (answering.load() == 0) return true;
  asking.store(false);
  return false;
}

// False: nothing came, although it could have run.
bool wait_for_answer(int tid) noexcept {
  const std::int64_t last = real_now() + answer_within;
  do {
    if (answer_note.sleep(look_every)) return true;
    frame_registers at;
    if (look_at(tid, at) != thread_look::running) return false;
  } while (real_now() < last);
  return false;
}

}  // namespace

std::size_t frames_of_thread(int tid, const goroutine* wanted, std::uintptr_t* frames,
                             std::size_t limit, bool* silent) noexcept {
  if (silent != nullptr) *silent = false;
  install_once();
  if (!begin_to_ask()) return 0;
  answered.store(0);
  answer_note.reset();
  asked_for.store(wanted);
  asked_tid.store(tid);
  bool heard = ::syscall(SYS_tgkill, ::getpid(), tid, SIGURG) == 0 && wait_for_answer(tid);
  if (int still = tid; !heard && !asked_tid.compare_exchange_strong(still, 0))
    heard = answer_note.sleep(answer_within);  // it is answering now
  const std::size_t n = heard ? std::min(answered.load(), limit) : 0;
  std::copy_n(answer, n, frames);
  if (n != 0) ++frames[0];  // where it is, as the return address of a call there would be
  asking.store(false);
  if (silent != nullptr) *silent = !heard;
  return n;
}

std::size_t frames_of_sleeping_thread(int tid, const goroutine& g, std::uintptr_t* frames,
                                      std::size_t limit) noexcept {
  frame_registers at, later;
  if (look_at(tid, at) != thread_look::asleep) return 0;
  const std::size_t n = frames_from(at, g, frames, limit);
  // It slept all the time that its stack was read.
  const bool slept =
      look_at(tid, later) == thread_look::asleep && later.sp == at.sp && later.pc == at.pc;
  return slept ? n : 0;
}

std::size_t frames_of_running(const worker& w, const goroutine& g, std::uint64_t id,
                              std::uintptr_t* frames, std::size_t limit, int& silent) noexcept {
  constexpr int most_looks = 3;  // it may wake up, or switch, just when it is looked at
  auto runs_it = [&] { return w.shown.load() == &g && g.id.load() == id; };
  for (int looks = 0; looks < most_looks && runs_it(); ++looks) {
    std::size_t n = frames_of_sleeping_thread(w.tid, g, frames, limit);
    frame_registers at;
    if (n == 0 && look_at(w.tid, at) == thread_look::running) {
      bool no_answer = false;
      n = frames_of_thread(w.tid, &g, frames, limit, &no_answer);
      if (no_answer) {
        ++silent;
        return 0;
      }
    }
    if (n != 0) return runs_it() ? n : 0;
  }
  return 0;
}

}  // namespace rt
TAUT_END_NAMESPACE
