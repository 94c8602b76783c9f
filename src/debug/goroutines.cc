// SPDX-License-Identifier: Apache-2.0
// The profiles goroutine and goroutineleak. Goroutines of the runtime's own are not in a snapshot;
// threads that wait on one of our primitives are in dumps only, for profiles count goroutines.
//
// Memory order
//   MO-1  relaxed: the number that the index page shows.
#include "debug/goroutines.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "debug/kinds.h"
#include "debug/stand_ins.h"
#include "sched/current.h"
#include "taut/go.h"
#include "taut/runtime.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// A suspicion rests on what was seen for a while.
constexpr std::int64_t min_age_of_shared = 10'000'000'000;

std::atomic<std::uint64_t> leaks_seen{0};

std::int64_t wall_now() noexcept {
  timespec t = {};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

// Lets the rest of the program take a step.
void pause_between_looks() {
  if (current_goroutine_or_null() == nullptr) {
    ::usleep(1000);
    return;
  }
  for (int i = 0; i < 4; ++i) yield();
}

template <class Wanted>
stack_profile profile_of(const char* name, const snapshot& s, std::int64_t time, Wanted&& wanted) {
  stack_profile p{std::string(name)};
  p.time_nanos = time;
  const std::int64_t one = 1;
  std::string labels;
  for (std::uint32_t i = 0; i < s.goroutines.size(); ++i) {
    const goroutine_record& g = s.goroutines[i];
    if (g.is_thread || !wanted(i)) continue;
    labels.clear();
    append_labels(labels, s, g);
    const std::uintptr_t unknown = stand_in_for(g.state);
    const auto frames = g.frames == 0 ? std::span(&unknown, 1)
                                      : std::span(s.frames.data() + g.first_frame, g.frames);
    p.add(frames, labels, {&one, 1});
  }
  return p;
}

stack_profile collect_goroutines(const frame_registers* caller) {
  const std::int64_t time = wall_now();
  const snapshot s({.caller = caller, .facts = false});
  return profile_of("goroutine", s, time, [](std::uint32_t) { return true; });
}

std::uint64_t remember(const leak_look& look) {
  std::uint64_t leaks = 0;
  for (std::uint32_t i = 0; i < look.now.goroutines.size(); ++i)
    leaks += !look.now.goroutines[i].is_thread && look.verdicts.of(i) == verdict::proved;
  leaks_seen.store(leaks, std::memory_order_relaxed);  // MO-1
  return leaks;
}

stack_profile collect_leaks(const frame_registers* caller) {
  const std::int64_t time = wall_now();
  const leak_look look(caller);
  remember(look);
  return profile_of("goroutineleak", look.now, time,
                    [&](std::uint32_t i) { return look.verdicts.of(i) == verdict::proved; });
}

bool dump_goroutines(int debug, const frame_registers* caller, text_sink& to) {
  if (debug > 3) return false;
  if (debug == 3) {
    write_json(leak_look(caller), false, to);
  } else {
    dump_all(snapshot({.caller = caller}), to);
  }
  return true;
}

bool dump_leaks(int debug, const frame_registers* caller, text_sink& to) {
  if (debug > 3) return false;
  const leak_look look(caller);
  remember(look);
  if (debug == 3) {
    write_json(look, true, to);
  } else {
    dump_all(look.now, to, &look.verdicts);
  }
  return true;
}

}  // namespace

leak_look::leak_look(const frame_registers* caller)
    : before({.stacks = false}),
      now((pause_between_looks(),
           snapshot_options{.stacks = true, .references = true, .caller = caller})),
      verdicts(before, now, {0, min_age_of_shared}) {}

void append_labels(std::string& to, const snapshot& s, const goroutine_record& g) {
  for_each_label_and(s.labels_of(g), {{"name", s.name_of(g)}},
                     [&](std::string_view key, std::string_view value) {
                       to.append(key).push_back('\0');
                       to.append(value).push_back('\0');
                     });
}

const profile_kind goroutine_kind = {
    .name = "goroutine",
    .description =
        "What every goroutine does, by stack. debug=2: a dump as an unrecovered panic "
        "prints it. debug=3: JSON, with what each waits for and who holds it.",
    .count = [] { return static_cast<std::uint64_t>(num_goroutine()); },
    .collect = collect_goroutines,
    .write_text = nullptr,
    .dump = dump_goroutines,
    .delta = true,
};

const profile_kind goroutineleak_kind = {
    .name = "goroutineleak",
    .description =
        "Goroutines that are proved to wait for ever. The count is that of the last "
        "time somebody asked. debug=3: JSON, with cause and fix.",
    .count = [] { return leaks_seen.load(std::memory_order_relaxed); },  // MO-1
    .collect = collect_leaks,
    .write_text = nullptr,
    .dump = dump_leaks,
    .delta = true,
};

}  // namespace rt
TAUT_END_NAMESPACE
