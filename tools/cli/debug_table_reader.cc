// SPDX-License-Identifier: Apache-2.0
// Everything read is checked before it is used as a size, a count or an address: a core file may
// be damaged, and a live process changes meanwhile.
#include "cli/debug_table_reader.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "cli/error.h"

namespace taut::cli {
namespace {

constexpr char magic[] = "taut debug table";
constexpr std::size_t magic_size = 16;
constexpr std::uint64_t most_table = 1 << 20, most_structure = 1 << 16;
constexpr std::uint64_t most_slabs = 1 << 16, most_workers = 1 << 16, most_in_slab = 1 << 24;
constexpr std::uint64_t most_goroutines = std::uint64_t{1} << 24;
constexpr std::uint64_t most_searched = std::uint64_t{1} << 30;
constexpr std::size_t chunk = 1024;  // descriptors read at once

constexpr const char* needed[] = {"goroutine",
                                  "slab",
                                  "worker",
                                  "channel",
                                  "labels",
                                  "context",
                                  "lock",
                                  "site",
                                  "goroutine.id",
                                  "goroutine.parent",
                                  "goroutine.state",
                                  "goroutine.reason",
                                  "goroutine.claim",
                                  "goroutine.queue",
                                  "goroutine.dispatches",
                                  "goroutine.sp",
                                  "goroutine.stack_low",
                                  "goroutine.stack_high",
                                  "goroutine.wait_since",
                                  "goroutine.wait_object",
                                  "goroutine.is_thread",
                                  "goroutine.system",
                                  "goroutine.pinned",
                                  "goroutine.labels",
                                  "goroutine.name",
                                  "goroutine.created",
                                  "slab.descriptors",
                                  "slab.used",
                                  "slab.count",
                                  "worker.shown",
                                  "worker.tid",
                                  "worker.state",
                                  "labels.used",
                                  "labels.text",
                                  "context.pc",
                                  "channel.receivers",
                                  "channel.senders",
                                  "channel.capacity",
                                  "channel.count",
                                  "channel.closed",
                                  "channel.made",
                                  "lock.state",
                                  "lock.where",
                                  "site.file",
                                  "site.line"};

std::uint64_t word(const std::byte* at, std::size_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, std::min<std::size_t>(size, 8));
  return value;
}

std::string text_at(const std::byte* at, std::size_t most) {
  const auto* text = reinterpret_cast<const char*>(at);
  std::string found(text, ::strnlen(text, most));
  for (char& c : found) {
    if (static_cast<unsigned char>(c) < 0x20) c = '?';
  }
  return found;
}

}  // namespace

debug_table::debug_table(const process_memory& from, const std::string& name) : from_(from) {
  if (!find(name))
    throw user_error("there is no taut runtime in " + name +
                     (from.live() ? "; for a Go service give its URL or a saved dump."
                                  : "; check that it is the right one, and that the core is whole "
                                    "(of Go programs taut reads dumps, not cores)."));
}

// The first bytes lie at an address divisible by 8, and `self` behind them is that address.
bool debug_table::find(const std::string& name) {
  std::vector<std::byte> piece;
  std::uint64_t searched = 0;
  for (const mapping& m : from_.mappings()) {
    if (!m.writable || m.path.empty()) continue;
    constexpr std::uint64_t step = 1 << 20;
    for (std::uint64_t at = m.low; at < m.high && searched < most_searched; at += step) {
      const std::uint64_t size = std::min(step + 128, m.high - at);
      searched += size;
      piece.resize(size);
      if (!from_.read(at, piece.data(), size)) {
        // A damaged or changing piece: page by page.
        bool any = false;
        for (std::uint64_t page = 0; page < size; page += 4096) {
          const std::uint64_t n = std::min<std::uint64_t>(4096, size - page);
          if (from_.read(at + page, piece.data() + page, n)) {
            any = true;
          } else {
            std::fill_n(piece.begin() + static_cast<std::ptrdiff_t>(page), n, std::byte{0});
          }
        }
        if (!any) continue;
      }
      for (std::size_t i = 0; i + 32 <= piece.size(); i += 8) {
        if (std::memcmp(piece.data() + i, magic, magic_size) != 0) continue;
        const std::uint64_t self = word(piece.data() + i + 24, 8);
        if (self == 0 && word(piece.data() + i + 16, 4) == 1 && m.offset != 0)
          throw user_error("taut is linked into " + name +
                           ", but its runtime has not started; there are no goroutines yet.");
        if (self != at + i) continue;
        read_head(self, name);
        return true;
      }
    }
  }
  return false;
}

void debug_table::read_head(std::uint64_t address, const std::string& name) {
  auto damaged = [&](const char* what) {
    throw user_error("taut's debug table in " + name + " is damaged (" + what +
                     "); get a whole core.");
  };
  std::byte head[148];
  if (!from_.read(address, head, sizeof head)) damaged("it ends");
  auto half = [&](std::size_t at) { return static_cast<std::uint32_t>(word(head + at, 4)); };
  if (half(16) != 1)
    throw user_error("the debug table of " + name + " has version " + std::to_string(half(16)) +
                     ", and this command reads version 1; use the one installed with that taut.");
  const std::uint32_t size = half(20);
  machine_ = half(32);
  if (machine_ != machine_x86_64 && machine_ != machine_aarch64) damaged("unknown processor");
  slabs_ = word(head + 40, 8);
  slab_count_ = word(head + 48, 8);
  workers_ = word(head + 56, 8);
  worker_count_ = word(head + 64, 8);
  coarse_time_ = word(head + 72, 8);
  stopped_at_ = static_cast<std::int64_t>(word(head + 80, 8));
  const std::uint64_t fields_at = half(100), count = half(104), field_size = half(108);
  if (size < sizeof head || size > most_table || field_size < 48 || fields_at > size ||
      count > (size - fields_at) / field_size)
    damaged("sizes");
  bytes whole(size);
  if (!from_.read(address, whole.data(), size)) damaged("it ends");
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* at = whole.data() + fields_at + i * field_size;
    fields_[text_at(at, 40)] = {static_cast<std::uint32_t>(word(at + 40, 4)),
                                static_cast<std::uint32_t>(word(at + 44, 4))};
  }
  for (const char* each : needed) {
    if (!fields_.contains(each)) damaged(each);
  }
  for (const auto& [key, f] : fields_) {
    const auto whole_of = fields_.find(key.substr(0, key.find('.')));
    const bool is_text = key == "goroutine.name" || key == "labels.text";
    const bool is_whole = key.find('.') == key.npos;
    if (whole_of == fields_.end() || whole_of->second.size > most_structure ||
        std::uint64_t{f.offset} + f.size > whole_of->second.size || f.size == 0 ||
        (!is_whole && !is_text && f.size > 8))
      damaged(key.c_str());
  }
  states_ = texts_of(whole, 112);
  reasons_ = texts_of(whole, 124);
  worker_states_ = texts_of(whole, 136);
}

std::vector<std::string> debug_table::texts_of(const bytes& whole, std::size_t at) const {
  const std::uint64_t offset = word(&whole[at], 4), count = word(&whole[at + 4], 4),
                      width = word(&whole[at + 8], 4);
  std::vector<std::string> texts;
  if (width == 0 || offset > whole.size() || count > (whole.size() - offset) / width) return texts;
  for (std::size_t i = 0; i < count; ++i)
    texts.push_back(text_at(whole.data() + offset + i * width, width));
  return texts;
}

std::uint64_t debug_table::get(const std::byte* record, const char* name) const {
  const field& f = fields_.at(name);
  return word(record + f.offset, f.size);
}

std::uint64_t debug_table::optional(const std::byte* record, const char* name) const {
  return fields_.contains(name) ? get(record, name) : 0;
}

bool debug_table::record(std::uint64_t address, const char* kind, bytes& to) const {
  to.resize(size_of(kind));
  return address != 0 && from_.read(address, to.data(), to.size());
}

std::vector<std::uint64_t> debug_table::pointers(std::uint64_t array, std::uint64_t count,
                                                 std::uint64_t most) const {
  const auto n = from_.get<std::uint32_t>(count);
  std::vector<std::uint64_t> found;
  if (!n || *n > most) return found;
  found.resize(*n);
  if (*n != 0 && !from_.read(array, found.data(), *n * sizeof found[0])) found.clear();
  return found;
}

const table_site& debug_table::site_at(std::uint64_t address) const {
  auto [found, fresh] = sites_.try_emplace(address);
  if (bytes raw; fresh && record(address, "site", raw)) {
    if (const std::uint64_t file = get(raw.data(), "site.file"); file != 0)
      found->second.file = from_.text(file);
    found->second.line = static_cast<std::uint32_t>(get(raw.data(), "site.line"));
  }
  return found->second;
}

std::string debug_table::place(std::uint64_t site) const {
  const table_site& s = site_at(site);
  return s.file.empty() ? std::string() : s.file + ":" + std::to_string(s.line);
}

table_goroutine debug_table::goroutine_of(const std::byte* record) const {
  auto value = [&](const char* name) { return get(record, name); };
  auto text = [](const std::vector<std::string>& texts, std::uint64_t i) {
    return i < texts.size() ? texts[i] : std::string("???");
  };
  table_goroutine g;
  g.id = value("goroutine.id");
  g.parent = value("goroutine.parent");
  g.dispatches = value("goroutine.dispatches");
  g.state = text(states_, value("goroutine.state"));
  g.reason = text(reasons_, value("goroutine.reason"));
  g.reason_index = value("goroutine.reason");
  g.pinned = value("goroutine.pinned") != 0;
  g.since = static_cast<std::int64_t>(value("goroutine.wait_since"));
  g.object = value("goroutine.wait_object");
  // One that waits for a channel is in a queue within it; a select has cases.
  if (g.reason == "select") g.object = 0;
  if (rank_of(g) == 0 && (g.reason == "chan receive" || g.reason == "chan send")) {
    const bool sends = g.reason == "chan send";
    g.object = value("goroutine.queue");
    if (g.object != 0)
      g.object -= fields_.at(sends ? "channel.senders" : "channel.receivers").offset;
  }
  g.waits_at = site_at(optional(record, "goroutine.wait_site"));
  g.cases = optional(record, "goroutine.wait_cases");
  g.case_list = optional(record, "goroutine.wait_case_list");
  g.sp = value("goroutine.sp");
  // As goroutine::seen_state() of the library has it.
  if (value("goroutine.is_thread") == 0 && g.state != "idle") {
    constexpr std::uint64_t none = 0, armed = 1;
    const std::uint64_t claim = value("goroutine.claim");
    const bool linked = claim == none ? value("goroutine.queue") != 0 : claim == armed;
    if (g.sp != 0) {
      g.state = linked ? "waiting" : "runnable";
    } else if (g.state != "blocking") {
      g.state = "running";
    }
  }
  g.waits = g.state == "waiting";
  g.stack_low = value("goroutine.stack_low");
  g.stack_high = value("goroutine.stack_high");
  g.created = site_at(value("goroutine.created"));
  const field& name = fields_.at("goroutine.name");
  g.name = text_at(record + name.offset, name.size);
  if (bytes labels; this->record(value("goroutine.labels"), "labels", labels)) {
    const field& all = fields_.at("labels.text");
    const std::uint64_t used = std::min<std::uint64_t>(get(labels.data(), "labels.used"), all.size);
    const auto* at = reinterpret_cast<const char*>(labels.data() + all.offset);
    const char* end = at + used;
    while (at < end) {
      const std::string key(at, ::strnlen(at, static_cast<std::size_t>(end - at)));
      at += std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(key.size()) + 1, end - at);
      const std::string label(at, ::strnlen(at, static_cast<std::size_t>(end - at)));
      at += std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(label.size()) + 1, end - at);
      g.labels.emplace_back(key, label);
    }
  }
  return g;
}

debug_table::answer debug_table::read() const {
  answer a;
  std::unordered_map<std::uint64_t, int> threads;
  bytes buffer;
  for (std::uint64_t address : pointers(workers_, worker_count_, most_workers)) {
    if (!record(address, "worker", buffer)) continue;
    const std::uint64_t state = get(buffer.data(), "worker.state");
    const std::uint64_t shown = get(buffer.data(), "worker.shown");
    if (shown != 0 && state < worker_states_.size() && worker_states_[state] != "ended")
      threads[shown] = static_cast<int>(get(buffer.data(), "worker.tid"));
  }
  const std::size_t size = size_of("goroutine");
  const std::vector<std::uint64_t> slabs = pointers(slabs_, slab_count_, most_slabs);
  if (slabs.empty()) ++a.unreadable;
  for (std::uint64_t slab : slabs) {
    if (!record(slab, "slab", buffer)) {
      ++a.unreadable;
      continue;
    }
    const std::uint64_t descriptors = get(buffer.data(), "slab.descriptors");
    const std::uint64_t used = get(buffer.data(), "slab.used");
    if (used > most_in_slab || used > get(buffer.data(), "slab.count")) {
      ++a.unreadable;
      continue;
    }
    bytes piece;
    for (std::uint64_t first = 0; first < used; first += chunk) {
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(chunk, used - first));
      piece.resize(n * size);
      if (!from_.read(descriptors + first * size, piece.data(), piece.size())) {
        ++a.unreadable;
        continue;
      }
      for (std::size_t i = 0; i < n; ++i) {
        const std::byte* at = piece.data() + i * size;
        if (get(at, "goroutine.id") == 0 || get(at, "goroutine.is_thread") != 0 ||
            get(at, "goroutine.system") != 0)
          continue;
        table_goroutine g = goroutine_of(at);
        g.address = descriptors + (first + i) * size;
        if (auto found = threads.find(g.address); found != threads.end()) g.thread = found->second;
        a.goroutines.push_back(std::move(g));
        if (a.goroutines.size() > most_goroutines) return a;
      }
    }
  }
  // A core does not say when it was written, unless a fatal signal ended the process.
  a.now = from_.get<std::int64_t>(coarse_time_).value_or(0);
  for (const table_goroutine& g : a.goroutines) {
    if (g.waits) a.now = std::max(a.now, g.since);
  }
  if (stopped_at_ != 0) {
    a.now = stopped_at_;
    a.now_is_exact = true;
  } else if (from_.live()) {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    const std::int64_t now = t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
    if (now >= a.now) {
      a.now = now;
      a.now_is_exact = true;
    }
  }
  return a;
}

bool debug_table::unchanged(const table_goroutine& g) const {
  if (!from_.live()) return true;
  bytes buffer;
  return record(g.address, "goroutine", buffer) &&
         get(buffer.data(), "goroutine.dispatches") == g.dispatches &&
         get(buffer.data(), "goroutine.id") == g.id && get(buffer.data(), "goroutine.sp") == g.sp;
}

bool debug_table::saved_registers(const table_goroutine& g, thread_registers& to) const {
  bytes saved;
  const std::uint64_t size = size_of("context");
  if (g.sp % 8 != 0 || g.sp < g.stack_low || g.stack_high < size || g.sp > g.stack_high - size ||
      !record(g.sp, "context", saved))
    return false;
  to = {};
  to.pc = get(saved.data(), "context.pc");
  to.sp = g.sp + size;
  auto set = [&](const char* name, std::size_t number) {
    if (fields_.contains(name)) to.values[number] = get(saved.data(), name);
  };
  if (machine_ == machine_x86_64) {
    set("context.rbx", 3);
    set("context.rbp", 6);
    set("context.r12", 12);
    set("context.r13", 13);
    set("context.r14", 14);
    set("context.r15", 15);
    to.values[7] = to.sp;
    to.values[16] = to.pc;
  } else {
    for (std::size_t i = 19; i <= 30; ++i) set(("context.x" + std::to_string(i)).c_str(), i);
    to.values[31] = to.sp;
  }
  return to.pc != 0;
}

}  // namespace taut::cli
