// SPDX-License-Identifier: Apache-2.0
// taut::diag::snapshot(): what rt::snapshot has of each goroutine, in the user's types.
#include <algorithm>
#include <new>
#include <string_view>
#include <vector>

#include "arch/unwind.h"
#include "diag/evidence.h"
#include "diag/frames.h"
#include "diag/snapshot.h"
#include "sched/labels.h"
#include "taut/diag.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

using diag::awaited_object;

diag::goroutine_state state_of(const goroutine_record& g, bool waits) noexcept {
  if (waits) return diag::goroutine_state::waiting;
  switch (g.state) {
    case goroutine_state::runnable:
      return diag::goroutine_state::runnable;
    case goroutine_state::blocking:
      return diag::goroutine_state::blocking;
    default:
      return diag::goroutine_state::running;
  }
}

std::vector<awaited_object> objects_of(const snapshot& s, const goroutine_record& g) {
  std::vector<awaited_object> all;
  s.for_each_case(g, [&](const case_record& c) {
    const channel_record* known = c.channel == nullptr ? nullptr : s.channel(c.channel);
    const bool of_context = known != nullptr && known->of_context;
    all.push_back({of_context ? "context" : "channel", c.channel, c.sends});
  });
  const std::string_view kind = kind_of_object(g.reason);
  if (all.empty() && g.object != nullptr && !kind.empty()) all.push_back({kind, g.object, false});
  return all;
}

diag::goroutine to_public(const snapshot& s, const goroutine_record& g, frame_namer& names) {
  // One that was woken waits no more, though it has not run.
  const bool waits = g.waits() && g.state != rt::goroutine_state::runnable;
  diag::goroutine to;
  to.id = g.id;
  to.parent = g.parent;
  to.is_thread = g.is_thread;
  to.state = state_of(g, waits);
  to.name = s.name_of(g);
  for_each_packed_label(s.labels_of(g), [&](std::string_view key, std::string_view value) {
    to.labels.emplace_back(key, value);
  });
  to.created = names.place_of(g.created);
  if (!waits) return to;
  to.wait_reason = to_text(g.reason);
  to.waited = std::chrono::nanoseconds(std::max<std::int64_t>(0, s.taken - g.since));
  to.blocked = blocked_place(s, g, names);
  to.waits_for = objects_of(s, g);
  return to;
}

}  // namespace
}  // namespace rt

namespace diag {

std::vector<goroutine> snapshot() {
  rt::refresh_modules();
  const rt::frame_registers here = rt::current_registers();
  // Whoever runs is not asked where: only the places of waits are told.
  const rt::snapshot s({.running = false, .caller = &here});
  if (!s.complete) throw std::bad_alloc();
  rt::frame_namer names;
  std::vector<goroutine> all;
  all.reserve(s.goroutines.size());
  for (const rt::goroutine_record& g : s.goroutines) {
    // The runtime's own threads wait, too.
    if (!g.is_thread || !names.is_runtime(g.waits_at)) all.push_back(rt::to_public(s, g, names));
  }
  std::ranges::sort(all, {}, &goroutine::id);
  return all;
}

}  // namespace diag
TAUT_END_NAMESPACE
