// SPDX-License-Identifier: Apache-2.0
// The profile threadcreate: the runtime's threads that run goroutines, by the stack that started
// them. Spare ones stand where a goroutine kept its worker: in its blocking call, or the watching
// thread's.
#include <time.h>

#include "debug/kinds.h"
#include "debug/stand_ins.h"
#include "sched/runtime_state.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

bool has_thread(const worker* w) noexcept {
  const worker_state state = w->state.load();
  return state != worker_state::unborn && state != worker_state::ended;
}

stack_profile collect_threads(const frame_registers*) {
  stack_profile p{"threadcreate"};
  p.hides_leaf = true;  // how a thread is made says nothing of why
  timespec t = {};
  ::clock_gettime(CLOCK_REALTIME, &t);
  p.time_nanos = t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
  const std::int64_t one = 1;
  the_runtime().for_each_worker([&](worker* w) {
    if (!has_thread(w)) return;
    const std::uintptr_t unknown = stand_in_for(goroutine_state::running);
    const auto frames = w->birth_frame_count == 0 ? std::span(&unknown, 1)
                                                  : std::span<const std::uintptr_t>(
                                                        w->birth_frames, w->birth_frame_count);
    p.add(frames, {}, {&one, 1});
  });
  return p;
}

std::uint64_t count_threads() {
  std::uint64_t n = 0;
  the_runtime().for_each_worker([&](worker* w) { n += has_thread(w); });
  return n;
}

}  // namespace

const profile_kind threadcreate_kind = {
    .name = "threadcreate",
    .description =
        "Threads that run goroutines, by the stack that started them: spare ones show "
        "the call that kept a worker.",
    .count = count_threads,
    .collect = collect_threads,
    .write_text = nullptr,
    .dump = nullptr,
    .delta = true,
};

}  // namespace rt
TAUT_END_NAMESPACE
