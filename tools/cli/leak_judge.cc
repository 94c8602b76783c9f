// SPDX-License-Identifier: Apache-2.0
// What a dump proves, and what it lets one suspect.
//
//   proved     Go's collector marked it; or it waits on a nil channel or in a select without cases,
//              which nothing ends. The main goroutine's select {} is how programs stay alive and is
//              left out.
//   suspected  waits for other goroutines at one place, many of them and long; or for a lock, long.
#include <algorithm>
#include <map>
#include <tuple>

#include "cli/leak_report.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

struct fix_rule {
  std::string_view state;  // prefix
  const char* fix;
};
constexpr fix_rule fixes[] = {
    {"chan receive (nil", "make the channel before it is received from"},
    {"chan send (nil", "make the channel before it is sent on"},
    {"select (no cases)", "wait for something that ends: a context, a signal"},
    {"chan send",
     "give the channel room for the value, or send in a select with the context's Done"},
    {"chan receive", "close the channel when its last sender is done, or select on a context too"},
    {"select", "add a case that ends for certain: the context's Done"},
    {"sync.Mutex.Lock", "unlock on every way out: defer Unlock right after Lock"},
    {"sync.RWMutex", "unlock on every way out, and do not lock again what is read-locked"},
    {"sync.WaitGroup", "call Done on every way out: defer it first"},
    {"sync.Cond", "signal whenever what is waited for changes"},
};

std::string fix_for(std::string_view state) {
  for (const fix_rule& f : fixes) {
    if (state.starts_with(f.state)) return f.fix;
  }
  return {};
}

bool is_lock(std::string_view state) {
  return state.starts_with("sync.Mutex.Lock") || state.starts_with("sync.RWMutex.");
}

// Go before 1.20 calls every wait for a lock or a wait group "semacquire"; the stack tells more.
std::string exact_state(const goroutine& g, const stack& s) {
  if (g.state != "semacquire") return g.state;
  std::string better = state_of(s);
  return better.empty() ? g.state : better;
}

bool is_main(const goroutine& g, const stack& s) {
  if (g.id == 1) return true;
  return !s.frames.empty() && std::any_of(s.frames.begin(), s.frames.end(),
                                          [](const frame& f) { return f.function == "main.main"; });
}

// Goroutines with the same fate.
using fate = std::tuple<bool, std::string, std::string, std::string>;

void add(std::map<fate, leak_group>& to, bool proved, const std::string& state, const goroutine& g,
         const dump& d) {
  const stack& s = d.stacks[g.stack];
  const verdict* why = g.verdict == 0 ? nullptr : &d.verdicts[g.verdict - 1];
  const frame* at = blocked_at(s);
  const frame place = at == nullptr ? frame() : *at;
  leak_group& group =
      to[{proved, state, place.function + place_text(place),
          place_text(s.created) +
              (why == nullptr ? std::string() : why->cause + place_text(why->culprit))}];
  if (group.count == 0) {
    group.proved = proved;
    group.waits_for = state.empty() ? "blocked" : state;
    group.blocked = place;
    group.created = s.created;
    group.object = d.object_of(g);
    group.fix = fix_for(state);
    if (why != nullptr) {
      group.cause = why->cause;
      group.explanation = why->explanation;
      group.fix = why->fix;
      group.culprit = why->culprit;
      group.evidence = proved ? "nothing that could wake it can ever run"
                              : "everybody seen to be able to wake it is stuck too";
    }
  }
  group.count += g.count;
  group.longest = std::max(group.longest, g.waited);
  if (g.id != 0 && group.goroutines.size() < 16) group.goroutines.push_back(g.id);
}

}  // namespace

leak_list judge(const leak_answer& answer, const leak_limits& limits) {
  const dump& d = answer.goroutines;
  leak_list list;
  std::map<fate, leak_group> groups;
  std::uint64_t idle_mains = 0;
  const bool timed = d.format == dump_format::text || d.format == dump_format::json;
  for (const goroutine& g : d.goroutines) {
    const stack& s = d.stacks[g.stack];
    const std::string state = exact_state(g, s);
    if (d.judged) {
      if (g.verdict != 0) add(groups, d.verdicts[g.verdict - 1].proved, state, g, d);
    } else if (g.leaked) {
      add(groups, true, state, g, d);
    } else if (waits_for_ever(state)) {
      if (state.starts_with("select (no cases)") && is_main(g, s)) {
        idle_mains += g.count;
        continue;
      }
      add(groups, true, state, g, d);
    } else if (waits_for_goroutine(state) && (!timed || g.waited >= limits.min_wait)) {
      add(groups, false, state, g, d);
    }
  }
  for (auto& [key, group] : groups) {
    const std::string& state = group.waits_for;
    if (!group.evidence.empty()) {
      // The process itself said why.
    } else if (group.proved) {
      if (waits_for_ever(state)) {
        group.evidence = state.starts_with("select") ? "a select without cases never ends"
                                                     : "nothing ever comes through a nil channel";
      } else {
        group.evidence = "the service found nothing that could wake it";
      }
    } else if (is_lock(state) && timed) {
      group.evidence = "a lock is seldom held that long; its owner may be slow, or stuck too";
    } else {
      if (group.count <= limits.more_than) continue;
      group.evidence =
          timed ? "so many for so long at one place; idle workers of a pool look the same"
                : "so many at one place; this format does not say for how long, and "
                  "idle workers of a pool look the same";
    }
    list.groups.push_back(std::move(group));
  }
  list.goroutines = std::max(d.existing, d.total());
  list.waits_at_least = d.waits_at_least;
  list.notes = d.notes;
  list.sort_and_count();
  if (idle_mains != 0)
    list.notes.push_back(
        "the main goroutine waits in select {}, which keeps a program alive; not counted.");
  if (d.truncated) list.notes.push_back("the dump is cut off: what its end held is not judged.");
  if (d.judged || answer.asked_collector) return list;
  list.not_judged = answer.note;
  if (!timed)
    list.notes.push_back("profiles do not record how long goroutines wait; debug=2 does.");
  return list;
}

}  // namespace taut::cli
