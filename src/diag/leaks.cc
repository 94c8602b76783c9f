// SPDX-License-Identifier: Apache-2.0
// Two looks, the verdicts, and equal fates merged into one entry.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "arch/stack.h"
#include "base/clock.h"
#include "diag/causes.h"
#include "diag/evidence.h"
#include "diag/frames.h"
#include "diag/proofs.h"
#include "diag/snapshot.h"
#include "diag/wait_graph.h"
#include "sched/current.h"
#include "taut/diag.h"
#include "taut/go.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t most_ids = 16;
constexpr std::size_t most_measured = 256;  // stacks of a group: one system call each

// Lets the rest of the program take a step.
void pause_between_looks() {
  if (current_goroutine_or_null() == nullptr) {
    ::usleep(1000);
    return;
  }
  for (int i = 0; i < 4; ++i) yield();
}

std::string object_text(const evidence& e, frame_namer& names) {
  if (const channel_record* c = e.channel) {
    std::string text = "channel: cap " + std::to_string(c->capacity);
    if (c->capacity != 0) text += ", " + std::to_string(c->length) + " buffered";
    text += ", made at " + names.place(c->made);
    if (c->maker != 0) text += " by goroutine " + std::to_string(c->maker);
    return text;
  }
  if (e.g.reason == wait_reason::rwmutex_lock && e.owner_id != 0)
    return explain("lock: held shared by goroutine {owner}", e, names);
  if (e.owner_id != 0) return explain("lock: held by goroutine {owner} since {locked}", e, names);
  if (e.context != nullptr) return explain("context: made at {context_made}", e, names);
  if (e.g.reason == wait_reason::wait_group_wait && e.object != nullptr) {
    return explain("wait group: counter {counter}, last add() at {added}", e, names);
  }
  return {};
}

using group_key = std::tuple<const void*, const void*, const cause*, std::string_view, bool>;

struct group {
  leak report;
  std::size_t measured = 0;
};

leak describe(const evidence& e, const diagnosis& why, frame_namer& names) {
  leak l;
  l.grade = e.proved ? leak_grade::proved : leak_grade::suspected;
  l.waits_for = to_text(e.g.reason);
  l.evidence = evidence_text(e);
  l.cause = why.code;
  l.explanation = explain(why.row->explanation, e, names);
  l.fix = why.fix;
  l.object = object_text(e, names);
  l.blocked = place_of("blocked", e, names);
  l.culprit = place_of(why.row->culprit, e, names);
  l.created = names.place_of(e.g.created);
  return l;
}

}  // namespace
}  // namespace rt

leak_report find_leaks(const leak_options& wanted) {
  using namespace rt;
  const std::int64_t began = real_now();
  refresh_modules();
  const frame_registers here = current_registers();
  const snapshot before({.stacks = false});
  pause_between_looks();
  const snapshot s({.stacks = true, .references = true, .caller = &here});
  const proofs verdicts(
      before, s,
      {wanted.min_age.count(), std::max(wanted.min_age, wanted.min_age_of_shared).count()});

  const wait_graph graph(verdicts);

  leak_report report;
  frame_namer names;
  std::map<group_key, group> groups;
  for (std::uint32_t i = 0; i < s.goroutines.size(); ++i) {
    const goroutine_record& g = s.goroutines[i];
    if (!g.is_thread) ++report.goroutines;
    const verdict v = verdicts.of(i);
    if (v == verdict::alive || (v == verdict::suspected && !wanted.include_suspected)) continue;
    ++(v == verdict::proved ? report.proved : report.suspected);
    const evidence e = evidence_of(verdicts, graph, i, names);
    const diagnosis why = diagnose(e, names);
    group& into = groups[{g.waits_at.data, g.created.data, why.row, why.code, e.proved}];
    if (into.report.count++ == 0) {
      leak first = describe(e, why, names);
      first.count = 1;
      into.report = std::move(first);
    }
    leak& l = into.report;
    l.longest = std::max(l.longest, std::chrono::nanoseconds(s.taken - g.since));
    if (l.goroutines.size() < most_ids) l.goroutines.push_back(g.id);
    if (g.stack_low != 0 && into.measured < most_measured) {
      ++into.measured;
      l.memory += touched_stack(reinterpret_cast<std::byte*>(g.stack_low),
                                reinterpret_cast<std::byte*>(g.stack_high));
    }
  }
  for (auto& [key, g] : groups) {
    if (g.measured != 0) g.report.memory = g.report.memory / g.measured * g.report.count;
    report.leaks.push_back(std::move(g.report));
  }
  std::sort(report.leaks.begin(), report.leaks.end(), [](const leak& a, const leak& b) {
    if (a.grade != b.grade) return a.grade < b.grade;
    return a.count != b.count ? a.count > b.count : a.longest > b.longest;
  });
  report.seconds = static_cast<double>(real_now() - began) / 1e9;
  return report;
}

TAUT_END_NAMESPACE
