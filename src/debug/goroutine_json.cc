// SPDX-License-Identifier: Apache-2.0
// debug=3: a snapshot as JSON. Written one goroutine at a time: a million of them must not be in
// memory twice. What many wait for stands once, under "objects".
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "debug/goroutines.h"
#include "debug/mappings.h"
#include "debug/text.h"
#include "diag/causes.h"
#include "diag/dump.h"
#include "diag/safe_memory.h"
#include "diag/symbolize.h"
#include "io/poll_fd.h"
#include "sched/stalls.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_listed = 64;  // goroutines of one list
constexpr std::int64_t suspicious_after = 1'000'000'000;

std::string name_of_object(const void* address) {
  std::string text;
  append_hex(text, reinterpret_cast<std::uintptr_t>(address));
  return text;
}

// Any bytes: labels are the program's.
std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

struct crowd {
  std::size_t count = 0;
  std::vector<std::uint64_t> some;

  void add(std::uint64_t id) {
    ++count;
    if (some.size() < most_listed) some.push_back(id);
  }
  json to_json() const { return {{"count", count}, {"goroutines", some}}; }
};

struct parties {
  crowd senders, receivers, waiters;           // that wait for it
  crowd may_send, may_receive, points;         // on whose stacks a way to it was found
  std::uint32_t example = mapped_index::none;  // index of one that waits
};

class json_writer {
 public:
  json_writer(const leak_look& look, bool only_leaks)
      : s_(look.now), verdicts_(look.verdicts), graph_(look.verdicts), only_leaks_(only_leaks) {
    for (std::uint32_t i = 0; i < s_.goroutines.size(); ++i) {
      if (s_.goroutines[i].waits()) add_waits(i);
    }
    for (const reference_record& r : s_.references) add_reference(r);
  }

  void write(text_sink& to) {
    json head = {{"taken_monotonic_ns", s_.taken},
                 {"complete", s_.complete},
                 {"proved", verdicts_.count(verdict::proved)},
                 {"suspected", 0}};
    std::size_t suspected = 0, goroutines = 0;
    for (std::uint32_t i = 0; i < s_.goroutines.size(); ++i) {
      goroutines += !s_.goroutines[i].is_thread;
      suspected += verdict_of(i) == verdict::suspected;
    }
    head["suspected"] = suspected;
    head["total"] = goroutines;
    std::string text = text_of(head);
    text.back() = ',';
    to.write(text + "\n");
    const char* between = "\n";
    if (!symbolizes()) {
      // For who names the addresses: before them.
      to.write("\"mappings\":[");
      for (const code_mapping& m : code_mappings()) {
        to.write(between + text_of(mapping(m)));
        between = ",\n";
      }
      to.write("\n],\n");
      between = "\n";
    }
    to.write("\"goroutines\":[");
    for (std::uint32_t i = 0; i < s_.goroutines.size(); ++i) {
      const goroutine_record& g = s_.goroutines[i];
      if (only_leaks_ ? verdict_of(i) == verdict::alive
                      : g.is_thread && names_.is_runtime(g.waits_at))
        continue;
      to.write(between + text_of(goroutine(i)));
      between = ",\n";
    }
    to.write("\n],\n\"objects\":[");
    between = "\n";
    for (const channel_record& c : s_.channels) {
      to.write(between + text_of(channel(c)));
      between = ",\n";
    }
    for (const object_record& o : s_.objects) {
      to.write(between + text_of(object(o)));
      between = ",\n";
    }
    for (const poll_fd* p : descriptors_) {
      to.write(between + text_of(descriptor(p)));
      between = ",\n";
    }
    to.write("\n],\n\"stalls\":[");
    stall_record stalls[stall_log::most];
    const std::size_t n = only_leaks_ ? 0 : the_stall_log().read(stalls);
    between = "\n";
    for (std::size_t i = 0; i < n; ++i) {
      to.write(between + text_of(stall_of(stalls[i])));
      between = ",\n";
    }
    to.write("\n]}\n");
  }

 private:
  verdict verdict_of(std::uint32_t i) const {
    const verdict v = verdicts_.of(i);
    const goroutine_record& g = s_.goroutines[i];
    return v == verdict::suspected && s_.taken - g.since < suspicious_after ? verdict::alive : v;
  }

  void add_waits(std::uint32_t i) {
    const goroutine_record& g = s_.goroutines[i];
    auto on = [&](const void* channel, bool sends) {
      if (channel != nullptr) (sends ? of(channel).senders : of(channel).receivers).add(g.id);
    };
    if (g.reason == wait_reason::chan_send || g.reason == wait_reason::chan_receive) {
      on(g.object, g.reason == wait_reason::chan_send);
    } else if (g.cases != 0) {
      for (std::uint32_t c = 0; c < g.cases; ++c)
        on(s_.cases[g.first_case + c].channel, s_.cases[g.first_case + c].sends);
    } else if (g.object != nullptr) {
      parties& p = of(g.object);
      if (g.reason == wait_reason::io_wait && p.waiters.count == 0)
        descriptors_.push_back(static_cast<const poll_fd*>(g.object));
      p.waiters.add(g.id);
      p.example = i;
    }
  }

  // What it waits for, as "objects" lists it; "": nothing that is listed.
  std::string object_of(const goroutine_record& g) const {
    if (!g.waits() || g.object == nullptr) return {};
    if (g.reason == wait_reason::io_wait)
      return name_of_descriptor(static_cast<const poll_fd*>(g.object));
    const bool listed = s_.channel(g.object) != nullptr || s_.object(g.object) != nullptr;
    return listed ? name_of_object(g.object) : std::string();
  }

  // Its number: no address begins like that. Blocks are never unmapped.
  static std::string name_of_descriptor(const poll_fd* p) {
    int fd = -1;
    read_memory(&p->fd, &fd, sizeof fd);
    return std::to_string(fd);
  }

  json descriptor(const poll_fd* p) {
    return {{"id", name_of_descriptor(p)}, {"kind", "fd"}, {"waiting", of(p).waiters.to_json()}};
  }

  void add_reference(const reference_record& r) {
    if (r.object == nullptr || r.kind == reference_kind::into_stack) return;
    parties& p = of(r.object);
    const std::uint64_t id = s_.goroutines[r.from].id;
    auto once = [&](crowd& c) {
      if (c.some.empty() || c.some.back() != id) c.add(id);
    };
    if (r.kind == reference_kind::pointer) once(p.points);
    if (r.kind == reference_kind::handle_both || r.kind == reference_kind::handle_send)
      once(p.may_send);
    if (r.kind == reference_kind::handle_both || r.kind == reference_kind::handle_receive)
      once(p.may_receive);
  }

  parties& of(const void* object) { return parties_[object]; }

  json place(site where) { return place(names_.place_of(where)); }

  static json place(const code_place& p) {
    if (p.file.empty()) return nullptr;
    return {{"file", p.file}, {"line", p.line}};
  }

  json fact(const fact_record& f) {
    if (f.goroutine == 0) return nullptr;
    return {{"goroutine", f.goroutine}, {"at", place(f.where)}};
  }

  json frames_of(std::span<const std::uintptr_t> pcs) {
    json frames = json::array();
    for (const std::uintptr_t pc : pcs) {
      for (const named_frame& n : names_.at(pc)) {
        json one = {{"function", n.function}, {"file", n.file}, {"line", n.line}};
        one["pc"] = name_of_object(reinterpret_cast<const void*>(pc - 1));
        if (n.hidden) one["runtime"] = true;
        frames.push_back(std::move(one));
      }
    }
    return frames;
  }

  static json mapping(const code_mapping& m) {
    return {{"start", name_of_object(reinterpret_cast<const void*>(m.start))},
            {"limit", name_of_object(reinterpret_cast<const void*>(m.limit))},
            {"offset", m.offset},
            {"file", m.file},
            {"build_id", m.build_id}};
  }

  json stall_of(const stall_record& r) {
    json j = {{"goroutine", r.goroutine},
              {"worker", r.worker},
              {"kind", r.blocked ? "blocked" : "hogged"},
              {"duration_ns", r.duration},
              {"reported_unix_ns", r.wall}};
    if (r.name[0] != 0) j["name"] = r.name;
    j["frames"] = frames_of({r.pcs, r.frames});
    return j;
  }

  json goroutine(std::uint32_t i) {
    const goroutine_record& g = s_.goroutines[i];
    json j = {{"id", g.id}, {"state", state_of(g)}};
    if (g.waits()) {
      j["wait_reason"] = to_text(g.reason);
      j["wait_ns"] = std::max<std::int64_t>(0, s_.taken - g.since);
      j["waits_at"] = place(g.waits_at);
    }
    if (const std::string id = object_of(g); !id.empty()) j["object"] = id;
    if (g.cases != 0) {
      json& cases = j["cases"] = json::array();
      for (std::uint32_t c = 0; c < g.cases; ++c) {
        const case_record& one = s_.cases[g.first_case + c];
        cases.push_back(
            {{"operation", one.sends ? "send" : "receive"},
             {"object", one.channel == nullptr ? json() : json(name_of_object(one.channel))}});
      }
    }
    if (g.parent != 0) j["parent"] = g.parent;
    if (const code_place& at = names_.place_of(g.created);
        !at.file.empty() && !names_.is_runtime(g.created)) {
      json& created = j["created"] = place(at);
      const std::string& function = names_.function_of(g.created);
      if (!function.empty()) created["function"] = function;
    }
    std::string packed;
    append_labels(packed, s_, g);
    if (!packed.empty()) {
      json& labels = j["labels"] = json::object();
      for_each_packed_label(packed, [&](std::string_view key, std::string_view value) {
        labels[std::string(key)] = value;
      });
    }
    if (g.is_thread) j["thread"] = true;
    if (g.pinned) j["locked_to_thread"] = true;
    if (g.bound_to != nullptr) j["bound_to_context"] = true;
    if (g.mine) j["asked"] = true;
    j["verdict"] = to_text(verdict_of(i));
    if (verdict_of(i) != verdict::alive) {
      const evidence e = evidence_of(verdicts_, graph_, i, names_);
      const diagnosis why = diagnose(e, names_);
      j["evidence"] = evidence_text(e);
      j["cause"] = why.code;
      j["explanation"] = explain(why.row->explanation, e, names_);
      j["fix"] = why.fix;
      j["culprit"] = place(place_of(why.row->culprit, e, names_));
    }
    j["frames"] = frames_of({s_.frames.data() + g.first_frame, g.frames});
    return j;
  }

  static const char* to_text(verdict v) noexcept {
    switch (v) {
      case verdict::alive:
        break;
      case verdict::suspected:
        return "suspected";
      case verdict::proved:
        return "proved";
    }
    return "alive";
  }
  static const char* to_text(wait_reason r) noexcept { return rt::to_text(r); }

  json channel(const channel_record& c) {
    const parties& p = of(c.address);
    json j = {{"id", name_of_object(c.address)},
              {"kind", c.of_context ? "context" : "channel"},
              {"capacity", c.capacity},
              {"length", c.length},
              {"closed", c.closed},
              {"made", place(c.made)},
              {"maker", c.maker},
              {"sends", c.sends},
              {"receives", c.receives},
              {"last_send", fact(c.last_send)},
              {"last_receive", fact(c.last_receive)},
              {"left_by_select", fact(c.receiver_left.by)},
              {"closed_by", fact(c.closer)},
              {"handles", {{"send", c.senders}, {"receive", c.receivers}}}};
    j["waiting_senders"] = p.senders.to_json();
    j["waiting_receivers"] = p.receivers.to_json();
    j["may_send"] = p.may_send.to_json();
    j["may_receive"] = p.may_receive.to_json();
    return j;
  }

  json object(const object_record& o) {
    const parties& p = of(o.address);
    json j = {{"id", name_of_object(o.address)}, {"kind", kind_of_object(o.reason)}};
    if (o.host != mapped_index::none) j["on_stack_of"] = s_.goroutines[o.host].id;
    if (p.example != mapped_index::none) {
      const evidence e = evidence_of(verdicts_, graph_, p.example, names_);
      if (e.owner_id != 0) {
        j["holder"] = e.owner != nullptr ? json(e.owner->id) : json("ended");
        j["held_since"] = place(place_of("locked", e, names_));
      }
      if (o.reason == wait_reason::wait_group_wait && o.readable) {
        j["counter"] = explain("{counter}", e, names_);
        j["last_add"] = explain("{added}", e, names_);
      }
    }
    j["waiting"] = p.waiters.to_json();
    j["referred_to_by"] = p.points.to_json();
    return j;
  }

  const snapshot& s_;
  const proofs& verdicts_;
  const wait_graph graph_;
  const bool only_leaks_;
  frame_namer names_;
  std::unordered_map<const void*, parties> parties_;
  std::vector<const poll_fd*> descriptors_;  // that somebody waits for
};

}  // namespace

void write_json(const leak_look& look, bool only_leaks, text_sink& to) {
  json_writer(look, only_leaks).write(to);
}

}  // namespace rt
TAUT_END_NAMESPACE
