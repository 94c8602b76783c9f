// SPDX-License-Identifier: Apache-2.0
// Waiting for events by epoll.
//
// Who waits     one worker, the sentry, for long; any thread with timeout 0. The kernel gives an
// edge-triggered event to one of them only. Waking        an eventfd, level-triggered, so that a
// look with timeout 0 leaves the wake-up to the sentry, for whom it is. `wake_pending` saves the
//               system call when a wake-up is under way; it is cleared before the eventfd is
//               drained: one that comes in between ends this wait, as it should.
#include "io/epoll.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

#include <atomic>

#include "base/handoff.h"
#include "base/lock.h"
#include "io/poll_fd.h"
#include "io/syscall.h"
#include "sched/poller.h"
#include "sched/runtime_state.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr int batch = 128;
constexpr std::uint64_t wake_tag = 0;
constexpr std::int64_t second = 1'000'000'000;

// Whether the kernel knows epoll_pwait2, whose time-out has nanoseconds (Linux 5.11).
std::atomic<bool> fine_timeout{true};

TAUT_NOINLINE int wait_for_events(int epoll, epoll_event* events, std::int64_t timeout) noexcept {
  if (timeout > 0 && fine_timeout.load()) {
    const timespec t{timeout / second, timeout % second};
    const int n = ::epoll_pwait2(epoll, events, batch, &t, nullptr);
    if (n >= 0 || errno != ENOSYS) return n;
    fine_timeout.store(false);
  }
  // Rounded up: waking early would only look again.
  constexpr std::int64_t most = 1'000'000'000;
  const std::int64_t ms = timeout <= 0 ? timeout : (timeout + 999'999) / 1'000'000;
  return ::epoll_wait(epoll, events, batch,
                      static_cast<int>(timeout < 0 ? -1
                                       : ms > most ? most
                                                   : ms));
}

unsigned meaning(std::uint32_t e) noexcept {
  unsigned events = 0;
  if ((e & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) events |= event_read;
  if ((e & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) events |= event_write;
  if ((e & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) events |= event_gone;
  if ((e & EPOLLPRI) != 0) events |= event_urgent;
  return events;
}

class epoll_poller final : public poller {
 public:
  bool open() noexcept {
    const int epoll = sys::epoll_create();
    if (epoll < 0) return false;
    const int wake_up = sys::event_fd();
    if (wake_up < 0 || sys::epoll_add(epoll, wake_up, EPOLLIN, wake_tag) < 0) {
      if (wake_up >= 0) sys::close(wake_up);
      sys::close(epoll);
      return false;
    }
    epoll_ = epoll;
    wake_up_ = wake_up;
    announce_handoff(this);  // the scheduler learns of it from code without instruments
    return true;
  }

  int wait(std::int64_t timeout) noexcept override {
    accept_handoff(this);
    epoll_event events[batch];
    int readied = 0;
    for (;;) {
      const int n = wait_for_events(epoll_, events, timeout);
      for (int i = 0; i < n; ++i) {
        if (events[i].data.u64 == wake_tag) {
          if (timeout != 0) drain();
          continue;
        }
        readied += deliver(events[i].data.u64, meaning(events[i].events));
      }
      // More may be there than fitted.
      if (n < batch) return readied;
      timeout = 0;
    }
  }

  void wake() noexcept override {
    accept_handoff(this);
    if (wake_pending_.exchange(true)) return;
    const std::uint64_t one = 1;
    sys::write(wake_up_, &one, sizeof one);
  }

  int waiting() const noexcept override { return io_waiting.load(); }
  int descriptor() const noexcept { return epoll_; }

 private:
  // Emptied before the flag falls: the other way round, a wake between the two would leave the flag
  // up with nothing to read, and no later one would write. One that comes in between now finds a
  // wait that is returning, and the exchange makes what it announced visible to that thread's next
  // look.
  void drain() noexcept {
    std::uint64_t count;
    sys::read(wake_up_, &count, sizeof count);
    wake_pending_.exchange(false);
  }
  int epoll_ = -1;
  int wake_up_ = -1;
  std::atomic<bool> wake_pending_{false};
};

epoll_poller the_epoll;
lock opening{rank::registry};

}  // namespace

bool ensure_poller() noexcept {
  if (TAUT_UNLIKELY(!the_runtime().running.load())) ensure_started();
  if (TAUT_LIKELY(the_poller.load() != nullptr)) return true;
  {
    hold h(opening);
    if (the_poller.load() != nullptr) return true;
    if (!the_epoll.open()) return false;
    the_poller.store(&the_epoll);
  }
  // The sentry sleeps without a poller so far: it is to change over.
  the_runtime().wake_sentry();
  return true;
}

int epoll_watch(int fd, std::uint64_t tag) noexcept {
  return sys::epoll_add(the_epoll.descriptor(), fd,
                        EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET, tag);
}

int epoll_descriptor() noexcept { return the_epoll.descriptor(); }

}  // namespace rt
TAUT_END_NAMESPACE
