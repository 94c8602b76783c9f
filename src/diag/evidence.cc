// SPDX-License-Identifier: Apache-2.0
#include "diag/evidence.h"

#include "diag/call_target.h"
#include "sched/wait_reason.h"
#include "sync/owner.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::uint32_t none = mapped_index::none;

// Of what has no name nothing need be said.
std::string named_part(std::string function) {
  constexpr std::string_view unnamed = "(anonymous namespace)::";
  for (std::size_t at; (at = function.find(unnamed)) != std::string::npos;)
    function.erase(at, unnamed.size());
  return function;
}

code_place to_place(const named_frame& f) { return {f.file, f.line, named_part(f.function)}; }

bool is_users(const named_frame& f) { return !f.ours && !f.file.empty() && !f.system; }

// The first frame that the reader wrote; nullptr: none.
const named_frame* users_frame(std::uintptr_t address, frame_namer& names) {
  if (address == 0) return nullptr;
  for (const named_frame& f : names.at(address)) {
    if (is_users(f)) return &f;
  }
  return nullptr;
}

// Who called the guard that called lock(): by return addresses, from the inside out.
const named_frame* locking_frame(const seen_lock& lock, frame_namer& names) {
  if (lock.callers[0] == 0) return nullptr;
  const std::vector<named_frame>& guard = names.at(lock.callers[0]);
  const std::uintptr_t entry = guard.empty() ? 0 : guard.back().entry;
  for (const std::uintptr_t address : lock.callers) {
    const bool first = address == lock.callers[0];
    if (!first && !lock.certain && (entry == 0 || call_target(address) != entry)) continue;
    if (const named_frame* f = users_frame(address, names)) return f;
  }
  return nullptr;
}

code_place lock_place(const seen_lock& lock, frame_namer& names) {
  if (!lock.where) {
    const named_frame* f = locking_frame(lock, names);
    return f == nullptr ? code_place() : to_place(*f);
  }
  code_place p = names.place_of(lock.where);
  p.function = named_part(names.function_of(lock.where));
  return p;
}

relock relock_of(const evidence& e, frame_namer& names) {
  if (!e.lock->where) return relock::nested;  // guards unlock
  const std::string& file = names.place_of(e.lock->where).file;
  const std::string function = named_part(names.function_of(e.lock->where));
  if (function.empty()) return relock::nested;
  int depth = 0;
  for (const named_frame* f : names.shown_frames_of(e.s, e.g)) {
    if (!is_users(*f)) continue;
    if (depth != 0 && f->file == file && named_part(f->function).ends_with(function))
      return relock::nested;
    ++depth;
  }
  return depth == 0 ? relock::nested : relock::left;
}

std::string goroutine_name(std::uint64_t id) {
  if ((id & thread_owner) != 0) return "of thread " + std::to_string(id & ~thread_owner);
  return id == 0 ? std::string("?") : std::to_string(id);
}

std::string text_of(const code_place& p) {
  return p.file.empty() ? "?" : p.file + ":" + std::to_string(p.line);
}

// Where the handle that died last did so, for a reader; empty when it is the runtime's own code.
std::string dropped_place(const evidence& e, frame_namer& names) {
  const named_frame* f = e.channel == nullptr ? nullptr : users_frame(e.channel->dropped_at, names);
  return f == nullptr ? std::string() : "; a handle died last at " + text_of(to_place(*f));
}

std::string value_of(std::string_view key, const evidence& e, frame_namer& names) {
  auto reason = [](const goroutine_record* g) {
    return g == nullptr ? std::string("?") : std::string(to_text(g->reason));
  };
  auto name = [](const goroutine_record* g) {
    return g == nullptr ? std::string("?") : goroutine_name(g->owner);
  };
  if (key == "g") return goroutine_name(e.g.owner);
  if (key == "reason") return to_text(e.g.reason);
  if (key == "owner") return goroutine_name(e.owner_id);
  if (key == "owner_reason") return reason(e.owner);
  if (key == "partner") return name(e.partner);
  if (key == "partner_reason") return reason(e.partner);
  if (key == "lock_waiter") return name(e.lock_waiter);
  if (const channel_record* c = e.channel) {
    if (key == "maker") return goroutine_name(c->maker);
    if (key == "cap") return std::to_string(c->capacity);
    if (key == "len") return std::to_string(c->length);
    if (key == "sends") return std::to_string(c->sends);
    if (key == "receives")
      return std::to_string(c->receives) + (c->receives == 1 ? " receive" : " receives");
    if (key == "values")
      return std::to_string(c->receives) + (c->receives == 1 ? " value" : " values");
    if (key == "receiver") return goroutine_name(c->last_receive.goroutine);
    if (key == "sender") return goroutine_name(c->last_send.goroutine);
    if (key == "left_by") return goroutine_name(e.left().by.goroutine);
    if (key == "dropped") return dropped_place(e, names);
  }
  if (key == "counter" && e.object != nullptr)
    return std::to_string(seen_wait_group(*e.object).counter);
  return text_of(place_of(key, e, names));
}

void look_at_lock(evidence& e, frame_namer& names) {
  e.owner_id = e.verdicts.owner_id_of(e.index);
  std::uint32_t owner = e.verdicts.owner_of(e.index);
  if (e.g.reason == wait_reason::rwmutex_lock) {
    const proofs::reader_list readers = e.verdicts.readers_of(e.index);
    // One that has ended explains most, then one that waits.
    for (std::size_t i = 0; i < readers.count; ++i) {
      const std::uint32_t reader = e.s.find_owner(readers.ids[i]);
      if (e.owner_id != 0 && reader != none) continue;
      e.owner_id = readers.ids[i];
      owner = reader;
    }
  }
  if (e.owner_id == 0) return;
  if (e.object != nullptr) e.lock = seen_lock(*e.object);
  if (owner != none) e.owner = &e.s.goroutines[owner];
  if (e.lock && e.owner_id == e.g.owner && e.g.reason == wait_reason::mutex_lock)
    e.again = relock_of(e, names);
}

}  // namespace

code_place blocked_place(const snapshot& s, const goroutine_record& g, frame_namer& names) {
  code_place p = names.place_of(g.waits_at);
  const bool recorded = !p.file.empty() && !frame_namer::is_system(p.file);
  for (const named_frame* f : names.shown_frames_of(s, g)) {
    if (!is_users(*f)) continue;
    if (!recorded) return to_place(*f);
    p.function = named_part(f->function);
    break;
  }
  return p;
}

evidence evidence_of(const proofs& verdicts, const wait_graph& graph, std::uint32_t index,
                     frame_namer& names) {
  const snapshot& s = verdicts.seen();
  evidence e{s, verdicts, graph, index, s.goroutines[index]};
  e.proved = verdicts.of(index) == verdict::proved;
  s.for_each_case(e.g, [&](const case_record& c) {
    if (c.channel == nullptr) return;
    ++e.cases;
    e.only_receives = e.only_receives && !c.sends;
    if (e.channel != nullptr) return;
    e.channel = s.channel(c.channel);
    e.sends = c.sends;
  });
  if (e.g.reason == wait_reason::context_done) e.context = s.context(e.g.object);
  if (e.channel == nullptr) e.object = s.object(e.g.object);
  if (e.object != nullptr && !e.object->readable) e.object = nullptr;
  look_at_lock(e, names);
  e.circle = graph.circle_of(index);
  e.partner_index = graph.partner_of(index);
  if (e.partner_index != none) e.partner = &s.goroutines[e.partner_index];
  if (const std::uint32_t waiter = graph.lock_waiter_of(index); waiter != none) {
    e.lock_waiter = &s.goroutines[waiter];
    if (const object_record* o = s.object(e.lock_waiter->object)) e.held = seen_lock(*o);
  }
  return e;
}

code_place place_of(std::string_view key, const evidence& e, frame_namer& names) {
  auto blocked = [&](const goroutine_record* g) {
    return g == nullptr ? code_place() : blocked_place(e.s, *g, names);
  };
  if (key == "blocked") return blocked(&e.g);
  if (key == "owner_blocked") return blocked(e.owner);
  if (key == "partner_blocked") return blocked(e.partner);
  if (key == "lock_waiter_blocked") return blocked(e.lock_waiter);
  if (key == "locked" && e.lock) return lock_place(*e.lock, names);
  if (key == "held" && e.held) return lock_place(*e.held, names);
  if (key == "context_made" && e.context != nullptr) return names.place_of(e.context->made);
  if (const channel_record* c = e.channel) {
    const bool received = c->last_receive.goroutine != 0, sent = c->last_send.goroutine != 0;
    if (key == "received" && received) return names.place_of(c->last_receive.where);
    if (key == "sent" && sent) return names.place_of(c->last_send.where);
    if (key == "left") return names.place_of(e.left().by.where);
    return names.place_of(c->made);
  }
  if (e.object != nullptr) {
    if (key == "added") return names.place_of(seen_wait_group(*e.object).added);
    if (key == "signaled") return names.place_of(seen_condition(*e.object).signaled);
  }
  return {};
}

std::string explain(const char* text, const evidence& e, frame_namer& names) {
  std::string result;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    const std::size_t close = open == rest.npos ? rest.npos : rest.find('}', open);
    result += rest.substr(0, open == rest.npos ? rest.size() : open);
    if (close == rest.npos) break;
    result += value_of(rest.substr(open + 1, close - open - 1), e, names);
    rest.remove_prefix(close + 1);
  }
  return result;
}

std::string evidence_text(const evidence& e) {
  if (e.proved) {
    if (e.owner_id != 0) {
      if (e.owner_id == e.g.owner) return "it waits for itself";
      if (e.owner == nullptr) return "the owner has ended";
      return e.circle != 0 ? "the owners wait in a circle" : "the owner can never run again";
    }
    if (e.context != nullptr) return "nobody can end the context";
    if (e.channel == nullptr) return "nothing can ever wake it";
    return e.g.reason == wait_reason::select ? "no partner of any case can exist"
           : e.sends                         ? "no receiver can exist"
                                             : "no sender can exist";
  }
  if (e.channel != nullptr) {
    const handle_count n = e.verdicts.handles(*e.channel, !e.sends);
    const char* can = e.sends ? " that can receive" : " that can send";
    const std::string held =
        n.exist == 1
            ? std::string("the only handle") + can + " is held by a stuck goroutine"
            : "all " + std::to_string(n.exist) + " handles" + can + " are held by stuck goroutines";
    return held + "; a raw reference may live elsewhere";
  }
  if (e.g.reason == wait_reason::rwmutex_lock)
    return "all who read-locked it are stuck or have ended";
  if (e.owner_id != 0) return "the owner is suspected too";
  return "only stuck goroutines are seen to refer to it; a reference may live elsewhere";
}

}  // namespace rt
TAUT_END_NAMESPACE
