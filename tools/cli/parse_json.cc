// SPDX-License-Identifier: Apache-2.0
// debug=3 of taut, and what `taut dump --json` prints: an object with the goroutines one by one or
// in groups. Each element is dropped when it has been read, so a dump is held once, not as JSON
// too.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <vector>

#include "cli/error.h"
#include "cli/json_read.h"
#include "cli/parse.h"
#include "cli/profile_names.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

using nlohmann::json;

constexpr std::size_t most_stalls = 4096;
constexpr std::size_t most_cases = 8;  // of a select
constexpr std::size_t most_mappings = 4096;

frame frame_of(const json& j) {
  frame f;
  if (!j.is_object()) return f;
  f.function = text_at(j, "function").substr(0, most_name);
  f.file = text_at(j, "file").substr(0, most_name);
  f.line = number_at(j, "line");
  return f;
}

frame frame_at(const json& j, const char* key) {
  const auto at = j.find(key);
  return at == j.end() ? frame() : frame_of(*at);
}

std::uint64_t count_at(const json& j) {
  return std::clamp<std::uint64_t>(number_at(j, "count"), 1, 1'000'000'000);
}

// "0x55d2"; 0: none.
std::uint64_t address_at(const json& j, const char* key) {
  const std::string text = text_at(j, key);
  std::uint64_t n = 0;
  if (text.starts_with("0x")) std::from_chars(text.data() + 2, text.data() + text.size(), n, 16);
  return n;
}

// names: null when the service names its functions.
stack stack_of(const json& j, profile_names* names) {
  stack s;
  if (const auto frames = j.find("frames"); frames != j.end() && frames->is_array()) {
    for (const json& each : *frames) {
      // taut's own calls stand between the program and the wait.
      if (s.frames.size() >= most_frames || (each.is_object() && flag_at(each, "runtime")))
        continue;
      frame f = frame_of(each);
      const std::uint64_t pc = names == nullptr || !is_unnamed(f) ? 0 : address_at(each, "pc");
      if (pc != 0) {
        names->name(pc, s.frames);
      } else {
        s.frames.push_back(std::move(f));
      }
    }
  }
  // Where there are no frames, or no names for them, it is still known where it waits.
  const bool placed =
      std::any_of(s.frames.begin(), s.frames.end(), [](const frame& f) { return !f.file.empty(); });
  if (frame at = frame_at(j, "waits_at"); !placed && !at.file.empty())
    s.frames.insert(s.frames.begin(), std::move(at));
  s.elided = static_cast<std::size_t>(number_at(j, "elided"));
  s.elided_at = std::min(static_cast<std::size_t>(number_at(j, "elided_at")), s.frames.size());
  s.unavailable = flag_at(j, "unavailable");
  s.created = frame_at(j, "created");
  return s;
}

// "channel: cap 0, made at search.cc:36 by goroutine 7"
std::string object_text(const json& j) {
  const std::string kind = text_at(j, "kind");
  std::string text = kind.empty() ? "object" : kind;
  text += ": ";
  const auto add = [&](const std::string& more) {
    if (!text.ends_with(": ")) text += ", ";
    text += more;
  };
  if (j.contains("capacity")) add("cap " + std::to_string(number_at(j, "capacity")));
  if (const frame made = frame_at(j, "made"); !made.file.empty()) {
    add("made at " + place_text(made));
    if (const std::uint64_t maker = number_at(j, "maker"); maker != 0)
      text += " by goroutine " + std::to_string(maker);
  }
  if (const auto holder = j.find("holder"); holder != j.end()) {
    std::string by = holder->is_string() ? "a goroutine that ended" : "goroutine ";
    if (holder->is_number_unsigned()) by += std::to_string(holder->get<std::uint64_t>());
    add("held by " + by);
    if (const frame since = frame_at(j, "held_since"); !since.file.empty())
      text += " since " + place_text(since);
  }
  if (text.ends_with(": ")) text += text_at(j, "id");
  return text.substr(0, most_name);
}

class json_dump {
 public:
  explicit json_dump(dump& into) : to_(into) {}

  bool listed() const { return listed_; }
  // After the last event.
  void finish() {
    for (const auto& [number, cases] : selects_) {
      std::string text;
      for (const select_case& c : cases) {
        text += (text.empty() ? "" : "; or ") + c.operation + " on ";
        text += c.object == 0 ? "a nil channel" : to_.objects[c.object - 1];
      }
      to_.objects[number - 1] = text.substr(0, most_name);
    }
  }
  // Not one function has a name.
  bool unnamed() const { return unnamed_ && !named_; }
  // The service named none, and here not all got one.
  bool incomplete() const { return names_ != nullptr && names_->incomplete(); }

  // For nlohmann::json::parse. An element that has been read is dropped.
  bool on_event(int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && parsed.is_string()) {
      section_ = parsed.get<std::string>();
    } else if (event == json::parse_event_t::array_start && depth == 1) {
      listed_ |= section_ == "goroutines" || section_ == "groups";
    } else if (event == json::parse_event_t::object_end && depth == 2) {
      if (section_ == "goroutines" || section_ == "groups") add_element(parsed);
      if (section_ == "objects") describe(parsed);
      if (section_ == "stalls") add_stall(parsed);
      if (section_ == "mappings") add_mapping(parsed);
      return false;
    }
    return true;
  }

 private:
  void add_element(const json& j) {
    if (!j.is_object() || to_.goroutines.size() >= most_goroutines) {
      to_.truncated = true;
      return;
    }
    goroutine g;
    stack s = stack_of(j, names());
    for (const frame& f : s.frames) (is_unnamed(f) ? unnamed_ : named_) |= !f.function.empty();
    // taut tells the state and, of one that waits, why.
    g.state = text_at(j, "wait_reason").substr(0, 128);
    if (g.state.empty()) g.state = text_at(j, "state").substr(0, 128);
    g.guessed_state = flag_at(j, "guessed_state");
    g.leaked = flag_at(j, "leaked");
    g.locked = flag_at(j, "locked_to_thread");
    if (g.state.empty()) {
      g.state = state_of(s);
      g.guessed_state = true;
    }
    if (const std::string id = text_at(j, "object"); !id.empty()) g.object = object_number(id);
    if (const auto cases = j.find("cases"); cases != j.end() && cases->is_array())
      g.object = select_number(*cases);
    g.verdict = verdict_number(j);
    g.stack = to_.intern(std::move(s));
    const auto members = j.find("goroutines");
    if (members == j.end() || !members->is_array()) {
      add_one(j, std::move(g));
      return;
    }
    for (const json& each : *members) {
      if (each.is_object() && to_.goroutines.size() < most_goroutines) add_one(each, g);
    }
  }

  // What is the goroutine's own; the rest may be its group's.
  void add_one(const json& j, goroutine g) {
    g.id = number_at(j, "id");
    g.count = count_at(j);
    g.parent = number_at(j, "parent");
    g.waited = nanoseconds_at(j, "waited_seconds");
    if (const auto ns = j.find("wait_ns"); ns != j.end() && ns->is_number_unsigned())
      g.waited =
          static_cast<std::int64_t>(std::min<std::uint64_t>(ns->get<std::uint64_t>(), 1ULL << 62));
    g.leaked |= flag_at(j, "leaked");
    g.locked |= flag_at(j, "locked_to_thread");
    if (const auto labels = j.find("labels"); labels != j.end() && labels->is_object()) {
      for (const auto& [key, value] : labels->items()) {
        if (value.is_string() && g.labels.size() < 64)
          g.labels.emplace_back(key, value.get<std::string>());
      }
    }
    to_.goroutines.push_back(std::move(g));
  }

  std::uint32_t object_number(const std::string& id) {
    const auto [at, fresh] =
        objects_.try_emplace(id, static_cast<std::uint32_t>(to_.objects.size() + 1));
    if (fresh) to_.objects.push_back(id);
    return at->second;
  }

  // A select waits for what its cases are for; described when the last object has been.
  std::uint32_t select_number(const json& cases) {
    std::vector<select_case> all;
    std::string key = "select";
    for (const json& each : cases) {
      if (!each.is_object() || all.size() == most_cases) break;
      const std::string id = text_at(each, "object");
      all.push_back({text_at(each, "operation"), id.empty() ? 0 : object_number(id)});
      key += ' ' + all.back().operation + ' ' + id;
    }
    const std::uint32_t number = object_number(key);
    selects_.try_emplace(number, std::move(all));
    return number;
  }

  void describe(const json& j) {
    if (!j.is_object()) return;
    if (const auto at = objects_.find(text_at(j, "id")); at != objects_.end())
      to_.objects[at->second - 1] = object_text(j);
  }

  void add_stall(const json& j) {
    if (!j.is_object() || to_.stalls.size() >= most_stalls) return;
    stall s;
    s.goroutine = number_at(j, "goroutine");
    s.blocked = text_at(j, "kind") == "blocked";
    s.duration = static_cast<std::int64_t>(
        std::min<std::uint64_t>(number_at(j, "duration_ns"), std::uint64_t{1} << 62));
    s.stack = to_.intern(stack_of(j, names()));
    to_.stalls.push_back(s);
  }

  // Verdicts that differ in nothing but the goroutines they name are one.
  std::uint32_t verdict_number(const json& j) {
    const std::string grade = text_at(j, "verdict");
    to_.judged |= !grade.empty();
    if (grade != "proved" && grade != "suspected") return 0;
    verdict v;
    v.proved = grade == "proved";
    v.cause = text_at(j, "cause");
    v.fix = text_at(j, "fix");
    v.culprit = frame_at(j, "culprit");
    const std::string key = grade + v.cause + v.fix + place_text(v.culprit);
    const auto [at, fresh] =
        verdicts_.try_emplace(key, static_cast<std::uint32_t>(to_.verdicts.size() + 1));
    if (fresh) {
      v.explanation = text_at(j, "explanation");
      to_.verdicts.push_back(std::move(v));
    }
    return at->second;
  }

  struct select_case {
    std::string operation;
    std::uint32_t object = 0;  // index + 1; 0: nil
  };

  void add_mapping(const json& j) {
    if (mappings_.size() >= most_mappings || names_ != nullptr || !j.is_object()) return;
    profile_mapping m;
    m.low = address_at(j, "start");
    m.high = address_at(j, "limit");
    m.offset = number_at(j, "offset");
    m.file = text_at(j, "file").substr(0, most_name);
    m.build_id = text_at(j, "build_id").substr(0, 128);
    if (m.low < m.high) mappings_.push_back(std::move(m));
  }
  profile_names* names() {
    if (names_ == nullptr && !mappings_.empty())
      names_ = std::make_unique<profile_names>(std::move(mappings_));
    return names_.get();
  }

  dump& to_;
  std::vector<profile_mapping> mappings_;  // of a service that names nothing
  std::unique_ptr<profile_names> names_;
  std::unordered_map<std::uint32_t, std::vector<select_case>> selects_;  // by number of the object
  std::string section_;  // member of the root that is being read
  bool listed_ = false;
  bool named_ = false, unnamed_ = false;  // some function
  std::unordered_map<std::string, std::uint32_t> objects_, verdicts_;
};

}  // namespace

std::string text_at(const json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::uint64_t number_at(const json& j, const char* key) {
  const auto at = j.find(key);
  if (at == j.end() || !at->is_number_integer()) return 0;
  if (at->is_number_unsigned()) return at->get<std::uint64_t>();
  return 0;  // negative
}

double real_at(const json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_number() ? at->get<double>() : -1;
}

std::int64_t nanoseconds_at(const json& j, const char* key) {
  const double seconds = real_at(j, key);
  return seconds >= 0 && seconds < 3.2e9 ? std::llround(seconds * 1e9) : -1;
}

bool flag_at(const json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_boolean() && at->get<bool>();
}

dump parse_json(std::string_view bytes, const std::string& source) {
  dump d;
  d.format = dump_format::json;
  d.source = source;
  json_dump reader(d);
  const auto on_event = [&](int depth, json::parse_event_t event, json& parsed) {
    return reader.on_event(depth, event, parsed);
  };
  try {
    const json root = json::parse(bytes.begin(), bytes.end(), on_event);
    if (!root.is_object() || !reader.listed())
      throw user_error(source +
                       " is JSON but no goroutine dump; taut reads what "
                       "/debug/pprof/goroutine?debug=3 of a taut service answers.");
    reader.finish();
    d.truncated |= flag_at(root, "truncated");
    d.existing = number_at(root, "total");
    d.waits_at_least = flag_at(root, "waits_at_least");
    if (reader.incomplete())
      d.notes.emplace_back(names_missing);
    else if (reader.unnamed())
      d.notes.push_back(
          "the service does not name its functions (TAUT_SYMBOLIZE=0): ask for debug=0 in the URL "
          "where the program's file is, and names are taken from that.");
    if (const auto notes = root.find("notes"); notes != root.end() && notes->is_array()) {
      for (const json& note : *notes) {
        if (note.is_string() && d.notes.size() < 16 &&
            std::find(d.notes.begin(), d.notes.end(), note.get<std::string>()) == d.notes.end())
          d.notes.push_back(note.get<std::string>());
      }
    }
  } catch (const json::exception&) {
    throw user_error(source + " begins like JSON but is damaged or ends early; fetch it again.");
  }
  return d;
}

}  // namespace taut::cli
