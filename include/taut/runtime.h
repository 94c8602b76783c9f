// SPDX-License-Identifier: Apache-2.0
// The runtime: its options, its beginning and end. A program need not call anything here: the first
// go() starts the runtime with default options.
//
//   int main() {
//     taut::start({.workers = 4});   // optional
//     return taut::run([] { ...; return 0; });
//   }
//
// Every function here may be called from any thread unless it says otherwise; none needs a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "taut/detail/chrono.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

// A goroutine that kept its worker without switching: in a blocking call, or computing.
struct stall {
  std::uint64_t goroutine = 0;          // its id
  int worker = 0;                       // the worker it holds
  std::chrono::nanoseconds duration{};  // how long it has held it when this was noticed
  bool blocked = false;  // true: the thread used no CPU (a blocking call); false: it computes
  const std::uintptr_t* frames = nullptr;  // return addresses, leaf first; empty when they could
                                           // not be read in time
  std::size_t frame_count = 0;
};

struct options {
  // Goroutines that run at once. 0: one per usable CPU (affinity and cgroup v2 quota counted), or
  // TAUT_WORKERS from the environment.
  int workers = 0;
  // Bytes of stack a goroutine may use, guard page not counted. Rounded up to a power of two. Only
  // touched pages cost memory.
  std::size_t stack_size = std::size_t{64} << 10;
  // No started goroutine ever changes its worker.
  bool pinned = false;
  // For tests: every wake-up and yield moves the goroutine to another worker when it may move at
  // all.
  bool force_migrate = false;
  // For tests: time stands still while any goroutine can run and jumps to the next timer when none
  // can.
  bool virtual_time = false;
  // Not 0: at every synchronisation operation a goroutine may be made to yield, chosen by this
  // seed. With one worker and virtual time the same seed replays the same schedule. TAUT_SEED in
  // the environment sets it too.
  std::uint64_t perturb_seed = 0;
  // A goroutine that holds its worker longer than this is a stall. 0: 10 ms.
  std::chrono::nanoseconds stall_after{};
  // Called from the watching thread for each stall, at most once a second per worker. Must not
  // block.
  void (*on_stall)(const stall&) = nullptr;
  // Called, in the goroutine, with an exception that leaves one started by go(); when null, such an
  // exception ends the process with a dump.
  void (*on_panic)(std::exception_ptr) = nullptr;
  // Print Go's fatal error and a dump, and exit with status 2, when no goroutine can ever run
  // again.
  bool detect_deadlock = true;
  // Install a SIGQUIT handler that prints a dump of all goroutines and exits with status 2, as Go's
  // runtime does.
  bool handle_sigquit = true;
  // On SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT print the signal and a dump of all goroutines,
  // the one that got it first, and then die of the signal as without it. A handler that the program
  // has installed before is left in charge. Off: only a stack overflow is named.
  bool handle_crash = true;
};

// start() starts the runtime. Throws panic when it already runs, std::system_error when threads or
// memory are lacking.
TAUT_API void start(const options& wanted = {});

// stop() ends the runtime: waits for running goroutines to reach a switch, then joins the workers.
// Goroutines that are still parked are abandoned: their stacks are freed and nothing on them is
// destroyed; returns how many. The runtime may be started again. Must not be called from a
// goroutine.
TAUT_API std::size_t stop();

// workers() is the number of goroutines that can run at once; 0 before the runtime runs.
TAUT_API int workers() noexcept;

// num_goroutine() is the number of goroutines that exist: running, runnable and parked.
TAUT_API std::size_t num_goroutine() noexcept;

// usable_cpus() is the default number of workers: CPUs in this thread's affinity mask, bounded by
// the cgroup v2 quota (rounded up, and at least 2 unless there is only one CPU).
TAUT_API int usable_cpus() noexcept;

namespace detail {
TAUT_API void run_main(void (*call)(void*), void* argument);
// The exception being handled; null for goexit's object, which must go on.
TAUT_API std::exception_ptr current_error() noexcept;
}  // namespace detail

// run(f) runs f as a goroutine and blocks the calling thread until it returned. Returns what f
// returns; an exception that leaves f is rethrown here. As in Go, other goroutines are not waited
// for. Must not be called from a goroutine.
template <class F>
auto run(F&& f) -> std::invoke_result_t<F&> {
  using R = std::invoke_result_t<F&>;
  struct frame {
    std::remove_reference_t<F>* f;
    std::exception_ptr error;
    std::conditional_t<std::is_void_v<R>, bool, std::optional<R>> value{};
  } state{&f, nullptr};
  detail::run_main(
      [](void* p) {
        auto& s = *static_cast<frame*>(p);
        try {
          if constexpr (std::is_void_v<R>) {
            (*s.f)();
          } else {
            s.value.emplace((*s.f)());
          }
        } catch (...) {
          s.error = detail::current_error();
          if (!s.error) throw;
        }
      },
      &state);
  if (state.error) std::rethrow_exception(state.error);
  if constexpr (!std::is_void_v<R>) return std::move(*state.value);
}

TAUT_END_NAMESPACE
