// SPDX-License-Identifier: Apache-2.0
// Growth by blocked place between two dumps.
#include "cli/diff.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

// Formats differ in how much of a path they show.
std::string key_of(const frame& f) {
  const std::size_t slash = f.file.rfind('/');
  return f.function + '\n' + (slash == f.file.npos ? f.file : f.file.substr(slash + 1)) + ':' +
         std::to_string(f.line);
}

std::string percent_text(std::uint64_t before, std::uint64_t after) {
  if (before == 0) return "new";
  char text[32];
  std::snprintf(text, sizeof text, "%+.0f%%",
                (static_cast<double>(after) / static_cast<double>(before) - 1) * 100);
  return text;
}

// How many were counted.
std::uint64_t add(std::map<std::string, place_change>& to, const dump& d, bool later,
                  const filter& only) {
  std::uint64_t total = 0;
  for (const goroutine& g : d.goroutines) {
    if (!passes(only, d, g)) continue;
    total += g.count;
    const frame* at = blocked_at(d.stacks[g.stack]);
    place_change& p = to[at == nullptr ? std::string() : key_of(*at)];
    if (at != nullptr && p.blocked.function.empty() && p.blocked.file.empty()) p.blocked = *at;
    // Several states at one place, as a select that is also running: the first one waiting.
    if (p.state.empty() || (!waits_for_goroutine(p.state) && waits_for_goroutine(g.state)))
      p.state = g.state;
    (later ? p.after : p.before) += g.count;
  }
  return total;
}

}  // namespace

bool has_grown(std::uint64_t before, std::uint64_t after, const diff_limits& limits) {
  if (after <= before || after - before < limits.min_growth) return false;
  return static_cast<double>(after - before) > static_cast<double>(before) * limits.wobble;
}

dump_diff compare(const dump& before, const dump& after, const diff_limits& limits,
                  const filter& only) {
  std::map<std::string, place_change> places;
  dump_diff diff;
  diff.before = add(places, before, false, only);
  diff.after = add(places, after, true, only);
  for (auto& [key, p] : places) {
    p.grown = has_grown(p.before, p.after, limits);
    if (p.grown) {
      ++diff.grown;
      diff.growth += p.after - p.before;
    }
    diff.places.push_back(std::move(p));
  }
  std::stable_sort(diff.places.begin(), diff.places.end(),
                   [](const place_change& a, const place_change& b) {
                     if (a.grown != b.grown) return a.grown;
                     return std::llabs(a.change()) > std::llabs(b.change());
                   });
  if (diff.before != 0 && diff.after >= 2 * diff.before &&
      has_grown(diff.before, diff.after, limits))
    diff.notes.push_back(
        "the number of goroutines has doubled: read the dump before changing code.");
  if (before.truncated || after.truncated)
    diff.notes.push_back("a dump is cut off: counts are of what it still holds.");
  return diff;
}

std::string diff_text(const dump_diff& diff, const diff_limits& limits, const look& how) {
  table t({{"BEFORE", true},
           {"AFTER", true},
           {"CHANGE", true},
           {"", true},
           {"STATE"},
           {"BLOCKED AT", false, true},
           {"IN", false, true}});
  std::size_t unchanged = 0;
  for (const place_change& p : diff.places) {
    if (p.change() == 0) {
      ++unchanged;
      continue;
    }
    t.add({grouped(p.before), grouped(p.after), change_text(p.change()),
           percent_text(p.before, p.after), p.state.empty() ? "?" : printable(p.state),
           printable(short_place_text(p.blocked)), printable(p.blocked.function)});
  }
  std::string text;
  if (t.rows() != 0) text = t.text(how.width, how.colours);
  if (unchanged != 0)
    text += grouped(unchanged) + (unchanged == 1 ? " place" : " places") + " unchanged\n";
  char wobble[32];
  std::snprintf(wobble, sizeof wobble, "%.0f%%", limits.wobble * 100);
  text +=
      (text.empty() ? "" : "\n") + grouped(diff.before) + " goroutines before, " +
      grouped(diff.after) + " after (" +
      change_text(static_cast<std::int64_t>(diff.after) - static_cast<std::int64_t>(diff.before)) +
      ")\n";
  if (diff.grown == 0) {
    text += how.colours.green("clean") + ": no place grew by more than " + wobble + " and " +
            grouped(limits.min_growth) + " goroutines\n";
  } else {
    text += how.colours.red("growth") + ": " + grouped(diff.grown) +
            (diff.grown == 1 ? " place" : " places") + " grew by more than " + wobble + ", by " +
            grouped(diff.growth) + " goroutines together\n";
  }
  for (const std::string& note : diff.notes) text += "note: " + note + "\n";
  return text;
}

std::string diff_json(const dump_diff& diff, const diff_limits& limits, const std::string& before,
                      const std::string& after) {
  using nlohmann::json;
  json places = json::array();
  for (const place_change& p : diff.places) {
    places.push_back(
        {{"before", p.before},
         {"after", p.after},
         {"change", p.change()},
         {"grown", p.grown},
         {"state", p.state},
         {"blocked",
          {{"function", p.blocked.function}, {"file", p.blocked.file}, {"line", p.blocked.line}}}});
  }
  const json all = {{"before", {{"source", before}, {"goroutines", diff.before}}},
                    {"after", {{"source", after}, {"goroutines", diff.after}}},
                    {"wobble", limits.wobble},
                    {"min_growth", limits.min_growth},
                    {"verdict", diff.grown == 0 ? "clean" : "growth"},
                    {"growth", diff.growth},
                    {"notes", diff.notes},
                    {"places", std::move(places)}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace taut::cli
