// SPDX-License-Identifier: Apache-2.0
// The thread empties the sampler's ring ten times a second and merges equal stacks at once, so what
// is kept grows with the number of places, not with time. It looks for new threads as often.
//
// One recording at a time: the flag is taken by start() and given back when the thread has ended.
#include "debug/cpu_profile.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/note.h"
#include "debug/proto.h"
#include "debug/sinks.h"
#include "debug/stand_ins.h"
#include "diag/cpu_sampler.h"
#include "taut/debug.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t look_every = 100'000'000;
// Different stacks; more than a program has, unless its stacks are random.
constexpr std::size_t most_samples = 200'000;

std::atomic<bool> taken{false};

enum class failure { in_use = 1, no_memory, no_thread };

class failure_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "taut.debug.cpu"; }
  std::string message(int value) const override {
    switch (static_cast<failure>(value)) {
      case failure::in_use:
        return "cpu profiling already in use";
      case failure::no_memory:
        return "no memory for the samples of a cpu profile";
      case failure::no_thread:
        return "no thread to collect a cpu profile; raise the limit of processes (ulimit -u)";
    }
    return "unknown error of the cpu profile";
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<failure>(value)) {
      case failure::in_use:
        return std::errc::device_or_resource_busy;
      case failure::no_memory:
        return std::errc::not_enough_memory;
      default:
        return std::errc::resource_unavailable_try_again;
    }
  }
};

std::error_code make(failure f) noexcept {
  static const failure_category category;
  return {static_cast<int>(f), category};
}

stack_profile empty_profile() {
  return {"profile",
          {{"samples", "count"}, {"cpu", "nanoseconds"}},
          {"cpu", "nanoseconds"},
          cpu_sampler::period};
}

// The sample's labels as profiles have them; the goroutine's name counts as one, its id if asked
// for.
void append_labels(std::string& to, const cpu_sample& s, bool with_id) {
  const std::string id = with_id && s.goroutine != 0 ? std::to_string(s.goroutine) : std::string();
  for_each_label_and({s.label_text, s.labels}, {{"goroutine", id}, {"name", s.name}},
                     [&](std::string_view key, std::string_view value) {
                       to.append(key).push_back('\0');
                       to.append(value).push_back('\0');
                     });
}

}  // namespace

struct cpu_recording::state {
  explicit state(const options& o) : wanted(o) {}

  const options wanted;
  stack_profile profile = empty_profile();
  std::uint64_t dropped = 0;  // samples for which there was no memory, or too many stacks
  std::error_code failed;
  std::int64_t began = 0;
  std::atomic<bool> stops{false};
  note woken, started;
  pthread_t thread{};
  bool running = false;

  ~state() {
    end();
    taken.store(false);
  }

  void end() noexcept {
    if (!std::exchange(running, false)) return;
    stops.store(true);
    woken.wake();
    ::pthread_join(thread, nullptr);
  }

  bool begin() {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    running = ::pthread_create(&thread, nullptr, main_of_thread, this) == 0;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (!running) {
      failed = make(failure::no_thread);
      return false;
    }
    started.sleep();
    return !failed;
  }

  static void* main_of_thread(void* argument) {
    ::pthread_setname_np(::pthread_self(), "taut/profile");
    static_cast<state*>(argument)->run();
    return nullptr;
  }

  void run() noexcept {
    cpu_sampler& sampler = the_cpu_sampler();
    timespec wall = {};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    profile.time_nanos = wall.tv_sec * std::int64_t{1'000'000'000} + wall.tv_nsec;
    began = real_now();
    try {
      if (!sampler.start()) failed = make(failure::no_memory);
    } catch (const std::bad_alloc&) {
      sampler.stop();
      failed = make(failure::no_memory);
    }
    started.wake();
    if (failed) return;
    while (!stops.load()) {
      woken.sleep(look_every);
      try {
        sampler.look_for_threads();
      } catch (const std::bad_alloc&) {  // the next look may find memory
      }
      collect(sampler);
    }
    sampler.stop();
    profile.duration_nanos = real_now() - began;
    collect(sampler);
    say_what_is_lost(sampler.lost());
  }

  void collect(cpu_sampler& sampler) noexcept {
    std::string labels;
    const std::int64_t one[] = {1, cpu_sampler::period};
    sampler.take_all([&](const cpu_sample& s) {
      try {
        labels.clear();
        append_labels(labels, s, wanted.goroutines);
        if (profile.size() < most_samples) {
          profile.add({s.pcs, s.frames}, labels, one);
          return;
        }
      } catch (const std::bad_alloc&) {
      }
      ++dropped;
    });
  }

  // Lost samples stand at a place of their own, so that the total is what was computed.
  void say_what_is_lost(const cpu_sampler::losses& lost) noexcept {
    try {
      const std::uint64_t samples = lost.ring_full + dropped + lost.merged;
      if (samples != 0) {
        const std::uintptr_t place = stand_in_for_lost_samples();
        const auto n = static_cast<std::int64_t>(samples);
        const std::int64_t values[] = {n, n * cpu_sampler::period};
        profile.add({&place, 1}, {}, values);
        profile.comments.push_back("samples without a stack: " + std::to_string(samples) +
                                   " (ticks that came together: " + std::to_string(lost.merged) +
                                   ", no room: " + std::to_string(lost.ring_full) +
                                   ", too many different stacks: " + std::to_string(dropped) + ")");
      }
      if (lost.threads != 0) {
        profile.comments.push_back(
            "threads that were not sampled, for want of timers: " + std::to_string(lost.threads) +
            "; raise the limit of pending signals (ulimit -i)");
      }
    } catch (const std::bad_alloc&) {
    }
  }
};

cpu_recording::cpu_recording(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
cpu_recording::~cpu_recording() = default;

std::unique_ptr<cpu_recording> cpu_recording::start(const options& wanted, std::error_code& why) {
  if (taken.exchange(true)) {
    why = make(failure::in_use);
    return nullptr;
  }
  std::unique_ptr<state> s;
  try {
    s = std::make_unique<state>(wanted);
  } catch (...) {
    taken.store(false);
    throw;
  }
  if (!s->begin()) {
    why = s->failed;
    return nullptr;
  }
  return std::unique_ptr<cpu_recording>(new cpu_recording(std::move(s)));
}

stack_profile cpu_recording::finish() {
  state_->end();
  stack_profile p = std::move(state_->profile);
  state_.reset();
  return p;
}

}  // namespace rt

namespace debug {
namespace {

// The program's own recording. Guarded by the lock.
struct own_recording {
  std::mutex lock;
  std::unique_ptr<rt::cpu_recording> recording;
  int fd = -1;
};
own_recording& mine() {
  static auto* const instance = new own_recording;
  return *instance;
}

}  // namespace

std::error_code start_cpu_profile(int fd) {
  own_recording& m = mine();
  std::lock_guard hold(m.lock);
  std::error_code why;
  auto started = rt::cpu_recording::start({}, why);
  if (started == nullptr) return why;
  m.recording = std::move(started);
  m.fd = fd;
  return {};
}

result<void> stop_cpu_profile() {
  own_recording& m = mine();
  std::lock_guard hold(m.lock);
  if (m.recording == nullptr) return {};
  const std::unique_ptr<rt::cpu_recording> recording = std::move(m.recording);
  rt::stack_profile p = recording->finish();
  rt::descriptor_sink to(m.fd);
  rt::write_count_profile(p, 0, to);
  if (const int error = to.flush(); error != 0)
    return std::error_code(error, std::generic_category());
  return {};
}

}  // namespace debug
TAUT_END_NAMESPACE
