// SPDX-License-Identifier: Apache-2.0
// Messages in the order in which Go writes them, the string table last: everything refers to it by
// number. The field numbers are those of pprof's profile.proto.
//
// A location is one call with all that was inlined there. A function has two names, for pprof takes
// what is in brackets out of a name that equals the linker's. A mapping says that its functions are
// known only if all of them are, else pprof would not look for the rest itself.
#include "debug/proto.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <new>
#include <protozero/pbf_writer.hpp>
#include <unordered_map>
#include <unordered_set>

#include "debug/mappings.h"
#include "debug/text.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

using protozero::pbf_writer;

enum profile_field : protozero::pbf_tag_type {
  profile_sample_type = 1,
  profile_sample = 2,
  profile_mapping = 3,
  profile_location = 4,
  profile_function = 5,
  profile_string_table = 6,
  profile_time_nanos = 9,
  profile_duration_nanos = 10,
  profile_period_type = 11,
  profile_period = 12,
  profile_comment = 13,
  profile_default_sample_type = 14,
};

std::int64_t to_number(std::string_view text) noexcept {
  std::int64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

bool is_hidden(std::uintptr_t return_address, frame_namer& names) {
  return std::ranges::all_of(names.at(return_address), &named_frame::hidden);
}

struct seen_mapping {
  code_mapping from;
  bool named = false;  // some function in it is
};

class proto_builder {
  using function_key = std::array<std::int64_t, 3>;  // names and file

 public:
  explicit proto_builder(frame_namer& names) : names_(names) {
    string("");
    for (code_mapping& m : code_mappings()) mappings_.push_back({std::move(m)});
  }

  std::string build(const stack_profile& p) {
    hides_leaf_ = p.hides_leaf;
    write_type(profile_period_type, p.period_type());
    if (p.period() != 0) out_.add_int64(profile_period, p.period());
    for (const value_type& t : p.types()) write_type(profile_sample_type, t);
    for (std::size_t i = 0; i < p.size(); ++i) find_named(p.frames_of(i));
    for (std::size_t i = 0; i < p.size(); ++i) write_sample(p, i);
    if (p.time_nanos != 0) out_.add_int64(profile_time_nanos, p.time_nanos);
    if (p.duration_nanos != 0) out_.add_int64(profile_duration_nanos, p.duration_nanos);
    if (!p.default_type.empty())
      out_.add_int64(profile_default_sample_type, string(p.default_type));
    for (const std::string& comment : p.comments) out_.add_int64(profile_comment, string(comment));
    for (std::size_t i = 0; i < mappings_.size(); ++i) write_mapping(i);
    for (const std::string* text : strings_) out_.add_string(profile_string_table, *text);
    return std::move(bytes_);
  }

 private:
  std::int64_t string(std::string_view text) {
    auto [found, fresh] =
        string_ids_.try_emplace(std::string(text), static_cast<std::int64_t>(strings_.size()));
    if (fresh) strings_.push_back(&found->first);
    return found->second;
  }

  void write_type(protozero::pbf_tag_type field, const value_type& t) {
    const std::int64_t type = string(t.type), unit = string(t.unit);
    pbf_writer message(out_, field);
    message.add_int64(1, type);
    message.add_int64(2, unit);
  }

  void write_sample(const stack_profile& p, std::size_t i) {
    // The runtime's own frames that every goroutine begins with say nothing.
    auto frames = p.frames_of(i);
    if (p.of_allocations) frames = without_allocator(frames, names_);
    if (p.hides_leaf) frames = without_hidden_leaf(frames, names_);
    std::size_t n = frames.size();
    while (n != 0 && is_hidden(frames[n - 1], names_)) --n;
    std::vector<std::uint64_t> locations;
    for (std::uintptr_t pc : frames.first(n != 0 ? n : frames.size()))
      locations.push_back(location(pc));
    struct label {
      std::int64_t key, value;
    };
    std::vector<label> labels;
    for_each_packed_label(p.labels_of(i), [&](std::string_view key, std::string_view text) {
      const std::int64_t k = string(key);
      labels.push_back({k, p.of_allocations ? to_number(text) : string(text)});
    });
    const auto values = p.values_of(i);
    pbf_writer message(out_, profile_sample);
    message.add_packed_int64(2, values.begin(), values.end());
    message.add_packed_uint64(1, locations.begin(), locations.end());
    for (const label& l : labels) {
      pbf_writer inner(message, 3);
      inner.add_int64(1, l.key);
      inner.add_int64(p.of_allocations ? 3 : 2, l.value);
    }
  }

  seen_mapping* mapping_of(std::uintptr_t return_address) noexcept {
    for (seen_mapping& m : mappings_) {
      if (m.from.start <= return_address - 1 && return_address - 1 < m.from.limit) return &m;
    }
    return nullptr;
  }

  void find_named(std::span<const std::uintptr_t> frames) {
    for (std::uintptr_t pc : frames) {
      if (!looked_at_.insert(pc).second || names_.at(pc).front().linked.empty()) continue;
      if (seen_mapping* m = mapping_of(pc); m != nullptr) m->named = true;
    }
  }

  std::uint64_t location(std::uintptr_t return_address) {
    auto [found, fresh] = locations_.try_emplace(return_address, locations_.size() + 1);
    if (!fresh) return found->second;
    const std::vector<named_frame>& frames = names_.at(return_address);
    const seen_mapping* const in = mapping_of(return_address);
    std::vector<std::uint64_t> functions;
    if (!frames.front().linked.empty() || (in != nullptr && in->named)) {
      for (const named_frame& f : frames) functions.push_back(function(f));
    }
    // Of a call in the runtime that the compiler put into one that is shown, only that one is.
    std::size_t first = 0;
    if (hides_leaf_ && !functions.empty() && !is_hidden(return_address, names_)) {
      while (frames[first].hidden) ++first;
    }
    {
      pbf_writer message(out_, profile_location);
      message.add_uint64(1, found->second);
      message.add_uint64(3, return_address - 1);
      for (std::size_t i = first; i < functions.size(); ++i) {
        pbf_writer line(message, 4);
        line.add_uint64(1, functions[i]);
        if (frames[i].line != 0) line.add_int64(2, frames[i].line);
      }
      if (in != nullptr)
        message.add_uint64(2, static_cast<std::uint64_t>(in - mappings_.data()) + 1);
    }
    write_new_functions();
    return found->second;
  }

  std::uint64_t function(const named_frame& f) {
    const std::string& linked = f.linked.empty() ? f.function : f.linked;
    const function_key key = {string(f.function), string(linked), string(f.path)};
    auto [found, fresh] = functions_.try_emplace(key, functions_.size() + 1);
    if (fresh) new_functions_.push_back(key);
    return found->second;
  }

  // A location's message must be whole before the next one begins.
  void write_new_functions() {
    for (const function_key& key : new_functions_) {
      pbf_writer message(out_, profile_function);
      message.add_uint64(1, functions_.at(key));
      message.add_int64(2, key[0]);
      message.add_int64(3, key[1]);
      message.add_int64(4, key[2]);
    }
    new_functions_.clear();
  }

  void write_mapping(std::size_t i) {
    const seen_mapping& m = mappings_[i];
    const std::int64_t file = string(m.from.file), build_id = string(m.from.build_id);
    pbf_writer message(out_, profile_mapping);
    message.add_uint64(1, i + 1);
    message.add_uint64(2, m.from.start);
    message.add_uint64(3, m.from.limit);
    if (m.from.offset != 0) message.add_uint64(4, m.from.offset);
    message.add_int64(5, file);
    if (build_id != 0) message.add_int64(6, build_id);
    if (!m.named) return;
    for (protozero::pbf_tag_type known = 7; known <= 10; ++known) message.add_bool(known, true);
  }

  frame_namer& names_;
  bool hides_leaf_ = false;
  std::string bytes_;
  pbf_writer out_{bytes_};
  std::unordered_map<std::string, std::int64_t> string_ids_;
  std::vector<const std::string*> strings_;
  std::vector<seen_mapping> mappings_;
  std::unordered_set<std::uintptr_t> looked_at_;
  std::unordered_map<std::uintptr_t, std::uint64_t> locations_;
  std::map<function_key, std::uint64_t> functions_;
  std::vector<function_key> new_functions_;
};

}  // namespace

std::string to_proto(const stack_profile& p, frame_namer& names) {
  return proto_builder(names).build(p);
}

void write_gzip(const std::string& bytes, text_sink& to) {
  constexpr int gzip = 15 + 16;
  z_stream z = {};
  if (::deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, gzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  // A sink may throw.
  struct closer {
    z_stream& z;
    ~closer() { ::deflateEnd(&z); }
  } close{z};
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  std::size_t left = bytes.size();
  char some[16384];
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    if (z.avail_in == 0) {
      z.avail_in = static_cast<uInt>(std::min<std::size_t>(left, std::size_t{1} << 30));
      left -= z.avail_in;
    }
    z.next_out = reinterpret_cast<Bytef*>(some);
    z.avail_out = sizeof some;
    status = ::deflate(&z, left == 0 ? Z_FINISH : Z_NO_FLUSH);
    to.write({some, sizeof some - z.avail_out});
  }
}

std::span<const std::uintptr_t> without_hidden_leaf(std::span<const std::uintptr_t> frames,
                                                    frame_namer& names) {
  const auto shown =
      std::ranges::find_if(frames, [&](std::uintptr_t pc) { return !is_hidden(pc, names); });
  return shown == frames.end() ? frames : std::span(shown, frames.end());
}

std::string stack_lines(std::span<const std::uintptr_t> frames, frame_namer& names) {
  // The runtime's own frames are left out before the first other one, and at the root; all are
  // shown where nothing would be left.
  std::vector<std::pair<std::uintptr_t, const named_frame*>> all, shown;
  for (std::uintptr_t pc : frames) {
    for (const named_frame& f : names.at(pc)) {
      all.emplace_back(pc, &f);
      if (!shown.empty() || !f.hidden) shown.emplace_back(pc, &f);
    }
  }
  while (!shown.empty() && shown.back().second->hidden) shown.pop_back();
  tab_columns lines;
  for (const auto& [pc, f] : shown.empty() ? all : shown) {
    std::string line = "#\t";
    append_hex(line, pc - 1);
    if (!f->linked.empty()) {
      line += '\t' + f->function + '+';
      append_hex(line, f->entry != 0 ? pc - 1 - f->entry : 0);
      line += '\t' + (f->file.empty() ? std::string("?") : f->file) + ':' + std::to_string(f->line);
    }
    lines.add(line);
  }
  return lines.take() + '\n';
}

std::span<const std::uintptr_t> without_allocator(std::span<const std::uintptr_t> frames,
                                                  frame_namer& names) {
  const auto own = std::ranges::find_if_not(frames, [&](std::uintptr_t pc) {
    return std::ranges::all_of(names.at(pc), [](const named_frame& f) {
      return f.hidden || f.function.starts_with("operator new");
    });
  });
  return own == frames.end() ? frames
                             : frames.subspan(static_cast<std::size_t>(own - frames.begin()));
}

void write_counts(const stack_profile& p, frame_namer& names, text_sink& to) {
  to.write(p.name() + " profile: total " + std::to_string(p.total()) + '\n');
  for (std::size_t i = 0; i < p.size(); ++i) {
    to.write(std::to_string(p.values_of(i)[0]) + ' ' + p.key_of(i) + '\n');
    to.write(stack_lines(p.frames_of(i), names));
  }
}

void write_count_profile(stack_profile& p, int debug, text_sink& to) {
  frame_namer names;
  p.sort();
  if (debug == 0) {
    write_gzip(to_proto(p, names), to);
  } else {
    write_counts(p, names, to);
  }
}

}  // namespace rt
TAUT_END_NAMESPACE
