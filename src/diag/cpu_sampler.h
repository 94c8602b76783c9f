// SPDX-License-Identifier: Apache-2.0
// Samples of what the process's threads compute: a timer on each thread's CPU clock sends it
// SIGPROF a hundred times per second that it computes, and the handler writes down where it is.
//
//   rt::cpu_sampler& s = rt::the_cpu_sampler();
//   if (!s.start()) return;                       // somebody else's turn
//   ... every 100 ms: s.look_for_threads(); s.take_all([](const cpu_sample&) { ... });
//   s.stop();
//   s.take_all(...);
//
// One thread at a time calls start() to the last take_all(); it is not sampled. While nobody
// samples, nothing costs anything.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "diag/sample_ring.h"
#include "diag/stack_areas.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class cpu_sampler {
 public:
  static constexpr std::int64_t period = 10'000'000;  // nanoseconds of CPU time

  // Samples from now on, all threads but the calling one. False: no memory for the samples. May
  // throw std::bad_alloc.
  bool start();
  // Threads that have come since. Call it about ten times a second.
  void look_for_threads();
  // Samples no more: when it returns, every sample is in the ring.
  void stop() noexcept;

  template <class F>
  void take_all(F&& f) {
    ring_.take_all(f);
  }

  // What is missing, since start().
  struct losses {
    std::uint64_t ring_full = 0;  // samples that found no room
    std::uint64_t merged = 0;     // ticks that the kernel sent as one
    std::uint64_t threads = 0;    // threads that got no timer: RLIMIT_SIGPENDING
  };
  losses lost() const noexcept;

 private:
  struct thread_timer {
    void* timer;  // timer_t
    bool seen;
  };

  static void on_signal(int signal, siginfo_t* info, void* context) noexcept;
  void sample(const void* context, int overrun) noexcept;
  bool install() noexcept;
  void renew_areas();
  bool give_timer(int tid, thread_timer& t) noexcept;

  // --- What handlers use.
  std::atomic<bool> active_{false};
  std::atomic<std::uint32_t> inside_{0};  // handlers that may be past the look at active_
  std::atomic<const stack_areas*> areas_{nullptr};
  std::atomic<std::uint64_t> ring_full_{0}, merged_{0};
  sample_ring ring_;

  // --- The collecting thread's.
  std::unordered_map<int, thread_timer> timers_;
  std::vector<std::unique_ptr<const stack_areas>> all_areas_;  // the last one is in use
  std::uint64_t without_timer_ = 0;
  int own_tid_ = 0;
};

cpu_sampler& the_cpu_sampler() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
