// SPDX-License-Identifier: Apache-2.0
// SIGURG, as Go uses for preemption: its default is to be ignored, and programs rarely use it. A
// handler of the program's is called too.
#include "sched/place.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "arch/interrupted.h"
#include "base/note.h"
#include "sched/current.h"
#include "sched/registry.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t most_frames = 64;
constexpr std::int64_t answer_within = 5'000'000;

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

}  // namespace

std::size_t frames_of_thread(int tid, const goroutine* wanted, std::uintptr_t* frames,
                             std::size_t limit) noexcept {
  install_once();
  if (asking.exchange(true)) return 0;
  if (answering.load() != 0) {
    asking.store(false);
    return 0;
  }
  answered.store(0);
  answer_note.reset();
  asked_for.store(wanted);
  asked_tid.store(tid);
  bool heard =
      ::syscall(SYS_tgkill, ::getpid(), tid, SIGURG) == 0 && answer_note.sleep(answer_within);
  if (int still = tid; !heard && !asked_tid.compare_exchange_strong(still, 0))
    heard = answer_note.sleep(answer_within);  // it is answering now
  const std::size_t n = heard ? std::min(answered.load(), limit) : 0;
  std::copy_n(answer, n, frames);
  if (n != 0) ++frames[0];  // where it is, as the return address of a call there would be
  asking.store(false);
  return n;
}

std::size_t frames_of_sleeping_thread(int tid, const goroutine& g, std::uintptr_t* frames,
                                      std::size_t limit) noexcept {
  frame_registers at;
  return look_at(tid, at) == thread_look::asleep ? frames_from(at, g, frames, limit) : 0;
}

std::size_t frames_of_running(const worker& w, const goroutine& g, std::uint64_t id,
                              std::uintptr_t* frames, std::size_t limit, int& silent) noexcept {
  auto runs_it = [&] { return w.shown.load() == &g && g.id.load() == id; };
  if (!runs_it()) return 0;
  frame_registers at, later;
  std::size_t n = 0;
  switch (look_at(w.tid, at)) {
    case thread_look::asleep:
      n = frames_from(at, g, frames, limit);
      // It slept all the time that its stack was read.
      if (look_at(w.tid, later) != thread_look::asleep || later.sp != at.sp || later.pc != at.pc)
        n = 0;
      break;
    case thread_look::running:
      n = frames_of_thread(w.tid, &g, frames, limit);
      if (n == 0) ++silent;
      break;
    case thread_look::unknown:
      break;
  }
  return runs_it() ? n : 0;
}

}  // namespace rt
TAUT_END_NAMESPACE
