// SPDX-License-Identifier: Apache-2.0
// blocking(): a call that blocks its thread does not hold up the other goroutines. wait_fd(): a
// descriptor of another library.
#include <sys/timerfd.h>
#include <taut/go.h>
#include <taut/io.h>
#include <taut/runtime.h>
#include <unistd.h>

#include <cstdio>

int main() {
  taut::start({.workers = 1});
  taut::run([] {
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0) return;
    taut::go([out = pipe_ends[1]] {
      if (::write(out, "!", 1) == 1) std::puts("written meanwhile");
    });
    // --8<-- [start:blocking]
    // Blocks the thread until the goroutine above, on the same single worker, has written.
    const char c = taut::blocking([&] {
      char one = 0;
      return ::read(pipe_ends[0], &one, 1) == 1 ? one : '?';
    });
    // --8<-- [end:blocking]
    std::printf("read %c\n", c);

    // --8<-- [start:wait_fd]
    const int clock = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const itimerspec soon{{}, {0, 1'000'000}};
    ::timerfd_settime(clock, 0, &soon, nullptr);
    taut::wait_fd(clock, taut::fd_events::readable).value();
    // --8<-- [end:wait_fd]
    std::puts("the clock rang");
    ::close(clock);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
  });
}

// Unordered output: written meanwhile
// read !
// the clock rang
