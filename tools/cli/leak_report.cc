// SPDX-License-Identifier: Apache-2.0
// Reports of taut's own detector.
#include "cli/leak_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/error.h"
#include "cli/json_read.h"
#include "cli/parse.h"

namespace taut::cli {
namespace {

using nlohmann::json;

frame frame_at(const json& j, const char* key) {
  frame f;
  const auto at = j.find(key);
  if (at == j.end() || !at->is_object()) return f;
  f.function = text_at(*at, "function");
  f.file = text_at(*at, "file");
  f.line = number_at(*at, "line");
  return f;
}

leak_group group_of(const json& j) {
  leak_group g;
  g.proved = text_at(j, "grade") == "proved";
  g.count = number_at(j, "count");
  g.waits_for = text_at(j, "waits_for");
  g.evidence = text_at(j, "evidence");
  g.cause = text_at(j, "cause");
  g.explanation = text_at(j, "explanation");
  g.fix = text_at(j, "fix");
  g.object = text_at(j, "object");
  g.blocked = frame_at(j, "blocked");
  g.culprit = frame_at(j, "culprit");
  g.created = frame_at(j, "created");
  g.longest = nanoseconds_at(j, "longest_seconds");
  g.memory = number_at(j, "memory_bytes");
  if (const auto ids = j.find("goroutines"); ids != j.end() && ids->is_array()) {
    for (const json& id : *ids) {
      if (id.is_number_unsigned() && g.goroutines.size() < 1000)
        g.goroutines.push_back(id.get<std::uint64_t>());
    }
  }
  return g;
}

json json_of(const frame& f) {
  return {{"file", f.file}, {"line", f.line}, {"function", f.function}};
}

}  // namespace

void leak_list::sort_and_count() {
  std::stable_sort(groups.begin(), groups.end(), [](const leak_group& a, const leak_group& b) {
    return a.proved != b.proved ? a.proved : a.count > b.count;
  });
  proved = suspected = 0;
  for (const leak_group& g : groups) (g.proved ? proved : suspected) += g.count;
}

bool is_leak_report(std::string_view bytes) {
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first == bytes.npos || bytes[first] != '{') return false;
  // Only its members' names are wanted: everything below them is dropped as it comes.
  bool found = false;
  const json dropped = json::parse(
      bytes.begin(), bytes.end(),
      [&](int depth, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::key && depth == 1) {
          found |= parsed == "leaks";
          return true;
        }
        return depth == 0;
      },
      false);
  return found;
}

leak_list parse_leak_report(std::string_view bytes, const std::string& source) {
  leak_list list;
  const json root = json::parse(bytes.begin(), bytes.end(), nullptr, false);
  const auto leaks = root.is_object() ? root.find("leaks") : root.end();
  if (!root.is_object() || leaks == root.end() || !leaks->is_array())
    throw user_error(source + " is a leak report that is damaged or ends early; fetch it again.");
  for (const json& each : *leaks) {
    if (each.is_object() && list.groups.size() < most_goroutines)
      list.groups.push_back(group_of(each));
  }
  list.sort_and_count();
  list.goroutines = number_at(root, "goroutines");
  list.seconds = real_at(root, "seconds");
  return list;
}

std::string leaks_json(const leak_list& list, const std::string& source) {
  json all = json::array();
  for (const leak_group& g : list.groups) {
    json one = {{"grade", g.proved ? "proved" : "suspected"},
                {"count", g.count},
                {"waits_for", g.waits_for},
                {"evidence", g.evidence},
                {"cause", g.cause},
                {"explanation", g.explanation},
                {"fix", g.fix},
                {"object", g.object},
                {"blocked", json_of(g.blocked)},
                {"culprit", json_of(g.culprit)},
                {"created", json_of(g.created)},
                {"memory_bytes", g.memory},
                {"goroutines", g.goroutines}};
    one["longest_seconds"] =
        g.longest < 0 ? json() : json(static_cast<double>(g.longest) / 1'000'000'000);
    all.push_back(std::move(one));
  }
  json report = {{"source", source},       {"goroutines", list.goroutines},
                 {"proved", list.proved},  {"suspected", list.suspected},
                 {"notes", list.notes},    {"judged", list.not_judged.empty()},
                 {"leaks", std::move(all)}};
  if (!list.not_judged.empty()) report["not_judged"] = list.not_judged;
  report["seconds"] = list.seconds < 0 ? json() : json(list.seconds);
  return report.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace taut::cli
