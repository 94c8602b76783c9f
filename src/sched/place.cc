// SPDX-License-Identifier: Apache-2.0
// SIGURG, as Go uses for preemption: its default is to be ignored, and programs rarely use it. A
// handler of the program's is called too.
#include "sched/place.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

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

// The question under way. The handler answers only the one it was sent for.
std::atomic<int> asked_tid{0};
std::atomic<std::size_t> answered{0};
std::uintptr_t answer[most_frames];
note answer_note;
struct sigaction previous;

void on_signal(int signal, siginfo_t* info, void* raw) noexcept {
  const int saved_errno = errno;
  int me = static_cast<int>(::syscall(SYS_gettid));
  if (asked_tid.compare_exchange_strong(me, 0)) {
    const frame_registers from = interrupted_registers(raw);
    worker* w = current_worker();
    goroutine* g = w == nullptr ? nullptr : w->shown.load();
    std::size_t n = 0;
    if (g != nullptr && from.sp >= reinterpret_cast<std::uintptr_t>(g->stack_low) &&
        from.sp < reinterpret_cast<std::uintptr_t>(g->stack_high)) {
      n = unwind(from, {from.sp, reinterpret_cast<std::uintptr_t>(g->stack_high)}, answer,
                 most_frames);
    }
    answered.store(n);
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

}  // namespace

std::size_t frames_of_thread(int tid, std::uintptr_t* frames, std::size_t limit) noexcept {
  install_once();
  answered.store(0);
  answer_note.reset();
  asked_tid.store(tid);
  if (::syscall(SYS_tgkill, ::getpid(), tid, SIGURG) != 0 || !answer_note.sleep(5'000'000)) {
    int still = tid;
    if (asked_tid.compare_exchange_strong(still, 0)) return 0;
    if (!answer_note.sleep(5'000'000)) return 0;  // it is answering now
  }
  std::size_t n = answered.load();
  if (n > limit) n = limit;
  for (std::size_t i = 0; i < n; ++i) frames[i] = answer[i];
  return n;
}

// "NUMBER ARGUMENTS SP PC" in a system call, "-1 SP PC" in the kernel otherwise, "running" else.
std::size_t frames_of_sleeping_thread(int tid, const goroutine& g, std::uintptr_t* frames,
                                      std::size_t limit) noexcept {
  char path[48], text[256];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (n <= 0) return 0;
  text[n] = 0;
  char* const last = std::strrchr(text, ' ');
  if (last == nullptr) return 0;
  *last = 0;
  const char* const second_last = std::strrchr(text, ' ');
  if (second_last == nullptr) return 0;
  const frame_registers from{std::strtoul(last + 1, nullptr, 16),
                             std::strtoul(second_last + 1, nullptr, 16), 0};
  const auto low = reinterpret_cast<std::uintptr_t>(g.stack_low);
  const auto high = reinterpret_cast<std::uintptr_t>(g.stack_high);
  if (from.sp < low || from.sp >= high) return 0;
  return unwind(from, {from.sp, high}, frames, limit);
}

}  // namespace rt
TAUT_END_NAMESPACE
