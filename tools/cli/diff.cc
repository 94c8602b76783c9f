// SPDX-License-Identifier: Apache-2.0
// Growth by blocked place between two dumps.
#include "cli/diff.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "cli/table.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Whether one path is the end of the other.
bool same_file(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);
  return a.ends_with(b) && (a.size() == b.size() || a[a.size() - b.size() - 1] == '/');
}

// The places of both dumps.
class place_index {
 public:
  place_change& at(const frame* blocked, const frame& created, const std::string& state) {
    std::string key;
    frame place;
    if (blocked != nullptr) place = *blocked;
    if (!place.file.empty() && place.line != 0) {
      key = std::string(last_part(place.file)) + ':' + std::to_string(place.line);
    } else if (blocked != nullptr) {
      key = '\n' + place.function + '\n' + place.file;
    } else {
      key = "\n\n" + state + '\n' + std::string(last_part(created.file)) + ':' +
            std::to_string(created.line);
    }
    auto& alike = places_[key];
    for (place_change& p : alike) {
      if (same_file(p.blocked.file, place.file)) return p;
    }
    // Built elsewhere, or with other paths on purpose.
    for (place_change& p : alike) {
      if (p.blocked.function == place.function) return p;
    }
    alike.emplace_back().blocked = std::move(place);
    return alike.back();
  }

  std::vector<place_change> take() {
    std::vector<place_change> all;
    for (auto& [key, alike] : places_) {
      for (place_change& p : alike) all.push_back(std::move(p));
    }
    return all;
  }

 private:
  std::map<std::string, std::vector<place_change>> places_;
};

bool is_known(const frame& f) { return !f.file.empty() || !f.function.empty(); }

std::string percent_text(std::uint64_t before, std::uint64_t after) {
  if (before == 0) return "new";
  char text[32];
  std::snprintf(text, sizeof text, "%+.0f%%",
                (static_cast<double>(after) / static_cast<double>(before) - 1) * 100);
  return text;
}

// How many were counted.
std::uint64_t add(place_index& to, const dump& d, bool later, const filter& only) {
  std::uint64_t total = 0;
  for (const goroutine& g : d.goroutines) {
    if (!passes(only, d, g)) continue;
    total += g.count;
    const stack& where = d.stacks[g.stack];
    place_change& p = to.at(blocked_at(where), where.created, g.state);
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
  place_index places;
  dump_diff diff;
  diff.before = add(places, before, false, only);
  diff.after = add(places, after, true, only);
  diff.places = places.take();
  for (place_change& p : diff.places) {
    p.grown = has_grown(p.before, p.after, limits);
    if (!p.grown) continue;
    ++diff.grown;
    diff.growth += p.after - p.before;
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
  for (const dump* d : {&before, &after})
    diff.notes.insert(diff.notes.end(), d->notes.begin(), d->notes.end());
  return diff;
}

std::string diff_text(const dump_diff& diff, const diff_limits& limits, const look& how) {
  table t({{"BEFORE", true, false, 2},
           {"AFTER", true, false, 1},
           {"CHANGE", true},
           {"", true, false, 4},
           {"STATE", false, false, 3},
           {"BLOCKED AT", false, true},
           {"IN", false, true, 5}});
  std::size_t unchanged = 0;
  for (const place_change& p : diff.places) {
    if (p.change() == 0) {
      ++unchanged;
      continue;
    }
    t.add({grouped(p.before), grouped(p.after), change_text(p.change()),
           percent_text(p.before, p.after), p.state.empty() ? "?" : printable(p.state),
           is_known(p.blocked) ? printable(short_place_text(p.blocked)) : "no stack",
           printable(p.blocked.function)});
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
