// SPDX-License-Identifier: Apache-2.0
// What a goroutine waits for, from the memory of its process: continues debug_table_reader.cc.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/debug_table_reader.h"
#include "cli/frame_walker.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::uint64_t most_cases = 8;                                     // that are shown
constexpr int owner_shift = 4, thread_bit = 58;                             // lock_record.h
constexpr std::uint32_t system_site_line = 1, never_inlined_site_line = 2;  // site.h

// Kinds of objects, by the reason's text and how many reasons of this text stand before it.
struct kind_rule {
  std::string_view reason;
  std::size_t rank;
  const char* kind;
};
constexpr kind_rule kinds[] = {
    {"sync.WaitGroup.Wait", 0, "wait group"}, {"sync.WaitGroup.Wait", 1, "scope"},
    {"sync.Cond.Wait", 0, "condition"},       {"semacquire", 0, "semaphore"},
    {"semacquire", 1, "semaphore"},           {"semacquire", 2, "scope"},
    {"chan receive", 1, "context"},
};

// Code of the standard library or of taut's headers, inlined or not.
bool is_system(const std::string& file) {
  return file.starts_with("/usr/include/") || file.starts_with("/usr/lib/") ||
         file.find("/include/c++/") != file.npos || file.find("include/taut/") != file.npos;
}

// The innermost place of a call that the reader wrote; empty: none there.
std::string written_at(std::uint64_t return_address, frame_walker& names) {
  std::vector<frame> frames;
  names.name({return_address}, frames);
  for (const frame& f : frames) {
    if (!f.file.empty() && !is_system(f.file)) return place_text(f);
  }
  return {};
}

}  // namespace

std::size_t debug_table::rank_of(const table_goroutine& g) const {
  const auto end = reasons_.begin() + static_cast<std::ptrdiff_t>(
                                          std::min<std::uint64_t>(g.reason_index, reasons_.size()));
  return static_cast<std::size_t>(std::count(reasons_.begin(), end, g.reason));
}

std::string debug_table::object_text(const table_goroutine& g, frame_walker& names) const {
  if (!g.waits) return {};
  if (g.reason == "select") return cases_text(g);
  if (g.object == 0) return {};
  const std::size_t rank = rank_of(g);
  if (rank == 0 && (g.reason == "chan receive" || g.reason == "chan send"))
    return channel_text(g.object);
  if (g.reason.starts_with("sync.Mutex") || g.reason.starts_with("sync.RWMutex"))
    return lock_text(g.object, names);
  for (const kind_rule& k : kinds) {
    if (k.reason == g.reason && k.rank == rank)
      return std::string(k.kind) + " " + hexadecimal(g.object);
  }
  return {};
}

std::string debug_table::channel_text(std::uint64_t address) const {
  if (address == 0) return "a nil channel";
  bytes buffer;
  std::string text = "chan " + hexadecimal(address);
  if (!record(address, "channel", buffer)) return text;
  auto value = [&](const char* name) { return get(buffer.data(), name); };
  text += " (cap " + std::to_string(value("channel.capacity")) + ", len " +
          std::to_string(value("channel.count")) + ")";
  if (value("channel.closed") != 0) text += ", closed";
  const std::string made = place(value("channel.made"));
  return made.empty() ? text : text + ", made at " + made;
}

std::string debug_table::cases_text(const table_goroutine& g) const {
  std::string text;
  if (!fields_.contains("case") || !fields_.contains("case.channel") ||
      !fields_.contains("case.sends"))
    return text;
  const std::uint64_t shown = std::min(g.cases, most_cases);
  bytes one;
  for (std::uint64_t i = 0; i < shown; ++i) {
    if (!record(g.case_list + i * size_of("case"), "case", one)) return text;
    text += i == 0 ? "" : "; or ";
    text += get(one.data(), "case.sends") != 0 ? "send to " : "receive from ";
    text += channel_text(get(one.data(), "case.channel"));
  }
  if (g.cases > shown) text += "; or " + std::to_string(g.cases - shown) + " more";
  return text;
}

std::string debug_table::lock_text(std::uint64_t address, frame_walker& names) const {
  bytes lock;
  std::string text = "lock " + hexadecimal(address);
  if (!record(address, "lock", lock)) return text;
  const std::uint64_t owner = get(lock.data(), "lock.state") >> owner_shift;
  text += ", held by ";
  text += owner == 0                 ? "nobody"
          : owner >> thread_bit != 0 ? "a thread that is no goroutine"
                                     : "goroutine " + std::to_string(owner);
  const std::string taken = owner == 0 ? std::string() : lock_place(lock, names);
  return taken.empty() ? text : text + ", taken at " + taken;
}

std::string debug_table::lock_place(const bytes& lock, frame_walker& names) const {
  const table_site& site = site_at(get(lock.data(), "lock.where"));
  if (!site.file.empty()) return site.file + ":" + std::to_string(site.line);
  if (site.line != system_site_line && site.line != never_inlined_site_line) return {};
  // A guard of the standard library locked, and left return addresses: lock()'s own, then words of
  // the stack, of which one may be that of the guard's call.
  const std::uint64_t inner = optional(lock.data(), "lock.caller");
  if (inner == 0) return {};
  if (std::string place = written_at(inner, names); !place.empty()) return place;
  for (const char* word : {"lock.second_caller", "lock.third_caller"}) {
    const std::uint64_t outer = optional(lock.data(), word);
    if (outer == 0) continue;
    if (site.line == system_site_line && !names.calls(outer, inner)) continue;
    if (std::string place = written_at(outer, names); !place.empty()) return place;
  }
  return {};
}

}  // namespace taut::cli
