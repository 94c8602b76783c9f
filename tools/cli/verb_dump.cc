// SPDX-License-Identifier: Apache-2.0
// taut dump and taut goroutines: what a dump holds, whole and as a table.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/error.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace taut::cli {
namespace {

using nlohmann::json;

constexpr std::size_t most_ids = 8;      // of a group, in text
constexpr std::size_t most_stalls = 10;  // places

std::string wait_text(const dump& d, const goroutine_group& g) {
  if (g.shortest == g.longest || g.shortest < 0) return d.wait_text(g.longest);
  return d.wait_text(g.shortest) + " to " + d.wait_text(g.longest);
}

std::string listed(const std::vector<std::uint64_t>& ids) {
  std::string text;
  for (std::size_t n = 0; n < ids.size(); ++n) {
    if (n == most_ids) return text + ", \u2026";
    text += (n == 0 ? "" : ", ") + std::to_string(ids[n]);
  }
  return text;
}

std::string ids_text(const goroutine_group& g) {
  std::vector<std::uint64_t> ids;
  for (const goroutine* each : g.members) {
    if (each->id == 0) return {};
    if (ids.size() <= most_ids) ids.push_back(each->id);
  }
  return listed(ids);
}

// Labels that all of a group have.
std::string labels_text(const goroutine_group& g) {
  std::string text;
  for (const auto& [key, value] : g.members.front()->labels) {
    const bool common = std::all_of(g.members.begin(), g.members.end(), [&](const goroutine* each) {
      return std::find(each->labels.begin(), each->labels.end(), std::pair(key, value)) !=
             each->labels.end();
    });
    if (common) text += (text.empty() ? "" : ", ") + printable(key) + ": " + printable(value);
  }
  return text.empty() ? text : " {" + text + "}";
}

class dump_writer {
 public:
  dump_writer(const dump& d, const look& how) : dump_(d), how_(how) {}

  std::string group(const goroutine_group& g) {
    std::string head = grouped(g.count) + " \u00d7 " + g.state_text();
    if (const std::string wait = wait_text(dump_, g); !wait.empty()) head += "  for " + wait;
    head += labels_text(g);
    std::string out = how_.colours.bold(fitted(head, 0)) + "\n";
    const stack& s = *g.where;
    std::size_t column = 0;
    for (const frame& f : s.frames) column = std::max(column, columns_of(f.function));
    column = std::min<std::size_t>(column, how_.width == 0 ? 60 : how_.width / 2);
    const auto elided = [&](std::size_t at) {
      if (s.elided != 0 && s.elided_at == at)
        out +=
            "    ... " + grouped(s.elided) + (s.elided == 1 ? " frame" : " frames") + " left out\n";
    };
    for (std::size_t i = 0; i < s.frames.size();) {
      elided(i);
      // Recursion is shown once.
      std::size_t same = 1;
      while (i + same < s.frames.size() && (s.elided == 0 || i + same != s.elided_at) &&
             equal(s.frames[i], s.frames[i + same]))
        ++same;
      out += line(s.frames[i], column, &s.frames[i] == g.blocked, same);
      i += same;
    }
    if (s.frames.empty() && !s.unavailable) out += "    no stack\n";
    elided(s.frames.size());
    if (s.unavailable) out += "    running on another thread; its stack was not to be had\n";
    if (!s.created.function.empty() || !s.created.file.empty())
      out += fitted("    created by " +
                        (s.created.function.empty() ? "" : printable(s.created.function) + "  ") +
                        printable(place_text(s.created)),
                    0) +
             "\n";
    if (const std::string& object = dump_.object_of(*g.members.front()); !object.empty())
      out += fitted("    waits for " + printable(object), 0) + "\n";
    if (const std::string ids = ids_text(g); !ids.empty())
      out += how_.colours.faint(
                 fitted((g.members.size() == 1 ? "    goroutine " : "    goroutines ") + ids, 0)) +
             "\n";
    return out;
  }

 private:
  std::string fitted(const std::string& text, std::size_t used) const {
    return how_.width == 0 ? text : shorten(text, how_.width - std::min(used, how_.width));
  }

  static bool equal(const frame& a, const frame& b) {
    return a.line == b.line && a.function == b.function && a.file == b.file;
  }

  std::string line(const frame& f, std::size_t column, bool blocked, std::size_t times) const {
    std::string function = f.function.empty() ? "?" : printable(f.function);
    const std::size_t wide = columns_of(function);
    if (how_.width != 0 && wide > column) function = shorten(function, column);
    const std::size_t now = columns_of(function);
    std::string text = "    " + function + std::string(now < column ? column - now : 0, ' ') + "  ";
    std::string place = printable(place_text(f));
    if (times > 1) place += ", " + grouped(times) + " times";
    text += fitted(place, columns_of(text));
    return (blocked ? text : how_.colours.faint(text)) + "\n";
  }

  const dump& dump_;
  const look& how_;
};

json json_of(const frame& f) {
  return {{"function", f.function}, {"file", f.file}, {"line", f.line}};
}

json seconds(std::int64_t nanoseconds) {
  return nanoseconds < 0 ? json() : json(static_cast<double>(nanoseconds) / 1'000'000'000);
}

json json_of(const goroutine& g) {
  json j = {{"id", g.id}, {"waited_seconds", seconds(g.waited)}};
  if (g.count != 1) j["count"] = g.count;
  if (g.parent != 0) j["parent"] = g.parent;
  for (const auto& [key, value] : g.labels) j["labels"][key] = value;
  return j;
}

json json_of(const dump& d, const goroutine_group& g, bool members) {
  json j = {{"count", g.count},
            {"state", g.state},
            {"leaked", g.leaked},
            {"locked_to_thread", g.locked},
            {"longest_seconds", seconds(g.longest)},
            {"blocked", g.blocked == nullptr ? json() : json_of(*g.blocked)},
            {"created", g.where->created.file.empty() ? json() : json_of(g.where->created)}};
  if (!members) return j;
  if (d.judged) {
    const std::uint32_t fate = g.members.front()->verdict;
    j["verdict"] = "alive";
    if (fate != 0) {
      const verdict& v = d.verdicts[fate - 1];
      j["verdict"] = v.proved ? "proved" : "suspected";
      j["cause"] = v.cause;
      j["explanation"] = v.explanation;
      j["fix"] = v.fix;
      j["culprit"] = json_of(v.culprit);
    }
  }
  j["guessed_state"] = g.members.front()->guessed_state;
  if (const std::string& object = d.object_of(*g.members.front()); !object.empty())
    j["object"] = object;
  json frames = json::array();
  for (const frame& f : g.where->frames) frames.push_back(json_of(f));
  j["frames"] = std::move(frames);
  if (g.where->unavailable) j["unavailable"] = true;
  if (g.where->elided != 0) {
    j["elided"] = g.where->elided;
    j["elided_at"] = g.where->elided_at;
  }
  json all = json::array();
  for (const goroutine* each : g.members) all.push_back(json_of(*each));
  j["goroutines"] = std::move(all);
  return j;
}

// Group by group: a dump of a million must not be in memory once more.
void print_json(const dump& d, const std::vector<goroutine_group>& groups, bool members) {
  json head = {{"source", d.source},
               {"format", to_text(d.format)},
               {"total", d.total()},
               {"truncated", d.truncated},
               {"notes", d.notes}};
  if (d.waits_at_least) head["waits_at_least"] = true;
  for (const stall& s : d.stalls) {
    json one = {{"goroutine", s.goroutine},
                {"kind", s.blocked ? "blocked" : "hogged"},
                {"duration_ns", s.duration},
                {"frames", json::array()}};
    for (const frame& f : d.stacks[s.stack].frames) one["frames"].push_back(json_of(f));
    head["stalls"].push_back(std::move(one));
  }
  std::string text = head.dump(-1, ' ', false, json::error_handler_t::replace);
  text.back() = ',';
  text += "\n\"groups\": [";
  const char* between = "\n";
  for (const goroutine_group& g : groups) {
    text += between + json_of(d, g, members).dump(-1, ' ', false, json::error_handler_t::replace);
    between = ",\n";
    if (text.size() > 65536) {
      print(text);
      text.clear();
    }
  }
  print(text + "\n]}\n");
}

std::uint64_t count_of(const std::vector<goroutine_group>& groups) {
  std::uint64_t n = 0;
  for (const goroutine_group& g : groups) n += g.count;
  return n;
}

std::string summary(const dump& d, const std::vector<goroutine_group>& groups, const char* what) {
  const std::uint64_t shown = count_of(groups), all = d.total();
  std::string text = grouped(shown);
  if (shown != all) text += " of " + grouped(all);
  text += all == 1 ? " goroutine, " : " goroutines, ";
  text += grouped(groups.size()) + " " + what + (groups.size() == 1 ? "" : "s") + "\n";
  if (d.truncated) text += "note: the dump is cut off; this is what it still holds\n";
  if (d.format == dump_format::profile || d.format == dump_format::profile_text)
    text +=
        "note: profiles record neither states (those shown are read off the stacks) nor waiting "
        "times\n";
  for (const std::string& note : d.notes) text += "note: " + note + "\n";
  return text;
}

// Who kept a worker from others, by place; nothing when nobody did.
std::string stalls_text(const dump& d, const look& how) {
  struct place {
    const frame* at = nullptr;
    bool blocked = false;
    std::int64_t longest = 0;
    std::vector<std::uint64_t> goroutines;
    std::size_t count = 0;
  };
  std::map<std::string, place> places;
  for (const stall& s : d.stalls) {
    const frame* at = blocked_at(d.stacks[s.stack]);
    place& p = places[(s.blocked ? "b" : "c") + (at == nullptr ? "" : place_text(*at))];
    p.at = at;
    p.blocked = s.blocked;
    p.longest = std::max(p.longest, s.duration);
    ++p.count;
    if (std::find(p.goroutines.begin(), p.goroutines.end(), s.goroutine) == p.goroutines.end())
      p.goroutines.push_back(s.goroutine);
  }
  if (places.empty()) return {};
  std::vector<const place*> longest_first;
  for (const auto& [key, p] : places) longest_first.push_back(&p);
  std::stable_sort(longest_first.begin(), longest_first.end(),
                   [](const place* a, const place* b) { return a->longest > b->longest; });
  table t({{"STALLS", true},
           {"LONGEST", true},
           {"KIND", false, false, 1},
           {"AT", false, true},
           {"IN", false, true, 2},
           {"GOROUTINES", false, true, 3}});
  for (const place* p : longest_first)
    t.add({grouped(p->count), duration_text(p->longest), p->blocked ? "blocked" : "computing",
           p->at == nullptr ? "no stack" : printable(short_place_text(*p->at)),
           p->at == nullptr ? "" : printable(p->at->function), listed(p->goroutines)});
  return "\nThese kept their worker from other goroutines:\n\n" +
         t.text(how.width, how.colours, most_stalls) +
         (t.rows() > most_stalls ? grouped(t.rows() - most_stalls) + " more places\n" : "");
}

}  // namespace

int dump_verb(const arguments& a) {
  const auto from = open_source(a.sources.front(), a.reading);
  if (a.raw) {
    if (a.how.json) throw user_error("--raw and --json exclude each other; drop one.");
    print(from->read_raw());
    return nothing_found;
  }
  const dump d = from->read(detail::full);
  const auto groups = by_stack(d, a.only, a.sorted);
  if (a.how.json) {
    print_json(d, groups, true);
    return nothing_found;
  }
  dump_writer writer(d, a.how);
  for (const goroutine_group& g : groups) print(writer.group(g) + "\n");
  print(summary(d, groups, "stack"));
  if (a.only.empty()) print(stalls_text(d, a.how));
  return nothing_found;
}

int goroutines_verb(const arguments& a) {
  const auto from = open_source(a.sources.front(), a.reading);
  const dump d = from->read(detail::full);
  const auto groups = by_place(d, a.only, a.sorted);
  if (a.how.json) {
    print_json(d, groups, false);
    return nothing_found;
  }
  table t({{"COUNT", true},
           {"STATE", false, true, 1},
           {"LONGEST", true, false, 2},
           {"BLOCKED AT", false, true},
           {"IN", false, true, 3},
           {"CREATED BY", false, true, 4}});
  for (const goroutine_group& g : groups) {
    const frame& created = g.where->created;
    t.add({grouped(g.count), g.state_text(), g.longest < 0 ? "-" : d.wait_text(g.longest),
           g.blocked == nullptr ? "no stack" : printable(short_place_text(*g.blocked)),
           g.blocked == nullptr ? "" : printable(g.blocked->function),
           created.file.empty() ? "-" : printable(short_place_text(created))});
  }
  if (t.rows() != 0) print(t.text(a.how.width, a.how.colours) + "\n");
  print(summary(d, groups, "place"));
  if (a.only.empty()) print(stalls_text(d, a.how));
  return nothing_found;
}

}  // namespace taut::cli
