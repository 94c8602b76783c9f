// SPDX-License-Identifier: Apache-2.0
#include "sched/process.h"

#include <cxxabi.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory_root.h"
#include "sched/crash.h"
#include "sched/current.h"
#include "sched/diagnosis.h"
#include "sched/registry.h"
#include "sched/runtime_state.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

std::atomic<bool> quit_requested{false};
std::terminate_handler previous_terminate = nullptr;

void on_quit(int) noexcept {
  quit_requested.store(true);
  the_runtime().monitor_note.wake();
}

// "panic: <what>" as Go prints it, then every stack; the thrower's first, for nothing has been
// unwound.
[[noreturn]] void on_terminate() noexcept {
  goroutine* g = current_goroutine_or_null();
  static std::atomic<bool> once{false};
  if (g == nullptr || once.exchange(true)) {
    if (previous_terminate != nullptr) previous_terminate();
    std::abort();
  }
  std::string text = "panic: ";
  if (std::exception_ptr e = std::current_exception()) {
    try {
      std::rethrow_exception(e);
    } catch (const std::exception& known) {
      text += known.what();
    } catch (...) {
      int status = 0;
      const std::type_info* type = abi::__cxa_current_exception_type();
      char* name =
          type == nullptr ? nullptr : abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
      text += name != nullptr ? name : "unknown exception";
      std::free(name);
    }
  } else {
    text += "std::terminate was called";
  }
  text += "\n\n";
  write_all(2, text.c_str());
  write_goroutine_dump(2);
  dump_is_written();
  std::abort();
}

// main() has returned: goroutines must not run while statics are destroyed. Those that run now are
// given a moment to reach a switch.
void quiet_at_exit() noexcept {
  runtime_state& r = the_runtime();
  if (!r.running.load() || current_worker() != nullptr) return;
  r.stopping.store(true);
  for (int round = 0; round < 50; ++round) {
    r.wake_all();
    bool all = true;
    r.for_each_worker([&](worker* w) {
      if (w != nullptr && w->state.load() != worker_state::ended) all = false;
    });
    if (all) return;
    ::usleep(1000);
  }
}

}  // namespace

void* map_runtime_memory(std::size_t bytes) noexcept {
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  remember_root(p, bytes);
  return p;
}

void install_process_hooks(const options& wanted) noexcept {
  static std::atomic<bool> done{false};
  if (wanted.handle_sigquit) {
    struct sigaction old = {};
    ::sigaction(SIGQUIT, nullptr, &old);
    if ((old.sa_flags & SA_SIGINFO) == 0 && old.sa_handler == SIG_DFL) {
      struct sigaction mine = {};
      mine.sa_handler = on_quit;
      mine.sa_flags = SA_RESTART;
      ::sigaction(SIGQUIT, &mine, nullptr);
    }
  }
  if (done.exchange(true)) return;
  previous_terminate = std::set_terminate(on_terminate);
  std::atexit(quiet_at_exit);
}

void abandon_goroutines(runtime_state& r) noexcept {
  {
    hold h(r.idle_lock);
    r.idle_list = r.spare_list = nullptr;
    r.inject_head = r.inject_tail = nullptr;
    r.injected.store(0);
    r.idle_count.store(0);
    r.spinning.store(0);
    r.sentry.store(nullptr);
  }
  // A parked goroutine's waiter may still be linked in a channel or a semaphore queue that the
  // program goes on using: its slot stays out of use, for a late wake-up must find it and nobody
  // else.
  r.for_each_worker([](worker* w) {
    w->run_next.store(nullptr);
    while (w->woken.pop() != nullptr) {
    }
    while (w->fresh.pop() != nullptr) {
    }
    w->inbox.store(nullptr);
    w->current = nullptr;
    w->shown.store(nullptr);
    w->in_idle_list = false;
    w->woken_to_spin = false;
    while (goroutine* g = w->free_list) {
      w->free_list = g->next;
      g->next = nullptr;
      the_registry().give(g, g->stack_class);
    }
    w->free_count = 0;
    w->created.store(0);
    w->ended.store(0);
  });
  r.foreign_created.store(0);
  the_registry().for_each([](goroutine& g) {
    if (g.is_thread || g.id.load() == 0) return;
    g.id.store(0);
    g.set_state(goroutine_state::idle);
    g.unusual.store(0);
  });
}

bool take_quit_request() noexcept { return quit_requested.exchange(false); }

void die_of_deadlock(runtime_state& r) noexcept {
  write_all(2, r.main_exited.load() && num_goroutine() == 0
                   ? "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n\n"
                   : "fatal error: all goroutines are asleep - deadlock!\n\n");
  write_goroutine_dump(2);
  ::_exit(2);
}

void die_of_quit() noexcept {
  write_all(2, "SIGQUIT: quit\n\n");
  write_goroutine_dump(2);
  ::_exit(2);
}

}  // namespace rt
TAUT_END_NAMESPACE
