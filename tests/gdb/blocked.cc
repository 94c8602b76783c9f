// SPDX-License-Identifier: Apache-2.0
// Goroutines that wait in every way a reader of a core wants to see; then the program aborts, or
// with the argument `stay` or `handler` says that it is ready and goes on. With `handler` the one
// that spins does so in a signal handler, on the signal's own stack.
#include <signal.h>
#include <sys/prctl.h>
#include <taut/chan.h>
#include <taut/diag.h>
#include <taut/go.h>
#include <taut/mutex.h>
#include <taut/runtime.h>
#include <taut/select.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

std::atomic<bool> spinning{false};

struct job {
  int number;
  std::string text;
};

[[gnu::noinline]] int take_job(const taut::chan<job>& jobs, int wanted) {
  const std::string hint = "the hint of " + std::to_string(wanted);
  const int got = jobs.recv().value().number;  // place: receive
  return got + static_cast<int>(hint.size());
}

[[gnu::noinline]] void choose(const taut::chan<int>& left, const taut::chan<int>& right) {
  taut::select(taut::recv(left, [](std::optional<int>) {}), taut::send(right, 7));  // place: select
}

[[gnu::noinline]] void want(taut::mutex& lock) {
  lock.lock();  // place: lock
  lock.unlock();
}

[[gnu::noinline]] void handle(int) {
  for (;;) spinning.store(true);
}

[[gnu::noinline]] void spin(bool in_handler) {
  if (in_handler) {
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = SA_ONSTACK;
    ::sigaction(SIGFPE, &action, nullptr);
    ::raise(SIGFPE);  // place: raise
  }
  for (;;) spinning.store(true);  // place: spin
}

// Whoever hears the word may look before the sleep has begun: the caller's place is the sure one.
[[gnu::noinline]] void stay() {
  std::puts("ready");
  std::fflush(stdout);
  ::sleep(600);
}

}  // namespace

int main(int count, char** arguments) {
  const std::string mode = count > 1 ? arguments[1] : "";
  // Readers that are no parents of this process are welcome.
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  taut::start({.workers = 2, .handle_crash = false});
  taut::run([&] {
    taut::chan<job> jobs(2);  // place: jobs
    taut::chan<int> left(0), right(0);
    taut::mutex lock;
    lock.lock();                       // place: taken
    taut::go({.name = "taker"}, [=] {  // place: make_taker
      taut::this_goroutine::set_label("tenant", "acme");
      take_job(jobs, 41);
    });
    taut::go({.name = "chooser"}, [=] { choose(left, right); });  // place: make_chooser
    taut::go([&] { want(lock); });                                // place: make_locker
    for (const char* status : {"[chan receive]", "[select]", "[sync.Mutex.Lock]"}) {
      while (taut::stack(true).find(status) == std::string::npos) taut::yield();
    }
    taut::go({.name = "spinner"}, [&] { spin(mode == "handler"); });  // place: make_spinner
    while (!spinning.load()) taut::yield();
    if (!mode.empty()) stay();  // place: stay
    std::abort();               // place: abort
  });
}
