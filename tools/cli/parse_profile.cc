// SPDX-License-Identifier: Apache-2.0
// debug=0: pprof's profile.proto, unpacked. Field numbers are those of the format's public
// description.
#include <cstdint>
#include <exception>
#include <protozero/pbf_reader.hpp>
#include <unordered_map>
#include <vector>

#include "cli/error.h"
#include "cli/parse.h"
#include "cli/profile_names.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::size_t most_mappings = 4096;

struct function_entry {
  std::uint64_t name = 0, file = 0;
};
struct line_entry {
  std::uint64_t function = 0;
  std::int64_t line = 0;
};
struct location_entry {
  std::uint64_t address = 0;
  std::vector<line_entry> lines;
};
struct mapping_entry {
  std::uint64_t low = 0, high = 0, offset = 0, file = 0, build_id = 0;
};
struct label_entry {
  std::uint64_t key = 0, text = 0;
};
struct sample_entry {
  std::vector<std::uint64_t> locations;
  std::vector<label_entry> labels;
  std::int64_t value = 0;
};

// A message refers to strings by number, and they come last.
struct raw_profile {
  std::vector<std::uint64_t> types;
  std::vector<sample_entry> samples;
  std::unordered_map<std::uint64_t, location_entry> locations;
  std::unordered_map<std::uint64_t, function_entry> functions;
  std::vector<mapping_entry> mappings;
  std::vector<std::string_view> strings;
  bool cut = false;  // more samples than are read

  std::string_view text(std::uint64_t i) const {
    return i < strings.size() ? strings[i].substr(0, most_name) : std::string_view();
  }
};

// A field of another wire type than the format says is passed over, for the reader asserts.
std::uint64_t number(protozero::pbf_reader& message) {
  if (message.wire_type() == protozero::pbf_wire_type::varint) return message.get_uint64();
  message.skip();
  return 0;
}

protozero::data_view bytes_of(protozero::pbf_reader& message) {
  if (message.wire_type() == protozero::pbf_wire_type::length_delimited) return message.get_view();
  message.skip();
  return {};
}

protozero::pbf_reader inner(protozero::pbf_reader& message) {
  return protozero::pbf_reader(bytes_of(message));
}

// Repeated numbers, packed or not.
template <typename F>
void numbers(protozero::pbf_reader& message, F&& each) {
  if (message.wire_type() == protozero::pbf_wire_type::length_delimited) {
    for (const std::uint64_t n : message.get_packed_uint64()) each(n);
  } else {
    each(number(message));
  }
}

sample_entry read_sample(protozero::pbf_reader message) {
  sample_entry s;
  bool valued = false;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        numbers(message, [&](std::uint64_t id) {
          if (s.locations.size() < most_frames) s.locations.push_back(id);
        });
        break;
      case 2:
        numbers(message, [&](std::uint64_t n) {
          if (!valued) s.value = static_cast<std::int64_t>(n);
          valued = true;
        });
        break;
      case 3: {
        auto label = inner(message);
        label_entry entry;
        while (label.next()) {
          if (label.tag() == 1) {
            entry.key = number(label);
          } else if (label.tag() == 2) {
            entry.text = number(label);
          } else {
            label.skip();
          }
        }
        if (s.labels.size() < 64) s.labels.push_back(entry);
        break;
      }
      default:
        message.skip();
    }
  }
  return s;
}

void read_location(protozero::pbf_reader message, raw_profile& into) {
  std::uint64_t id = 0;
  location_entry location;
  while (message.next()) {
    if (message.tag() == 1) {
      id = number(message);
    } else if (message.tag() == 3) {
      location.address = number(message);
    } else if (message.tag() == 4) {
      auto line = inner(message);
      line_entry entry;
      while (line.next()) {
        if (line.tag() == 1) {
          entry.function = number(line);
        } else if (line.tag() == 2) {
          entry.line = static_cast<std::int64_t>(number(line));
        } else {
          line.skip();
        }
      }
      if (location.lines.size() < 256) location.lines.push_back(entry);
    } else {
      message.skip();
    }
  }
  into.locations[id] = std::move(location);
}

void read_function(protozero::pbf_reader message, raw_profile& into) {
  std::uint64_t id = 0;
  function_entry f;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        id = number(message);
        break;
      case 2:
        f.name = number(message);
        break;
      case 4:
        f.file = number(message);
        break;
      default:
        message.skip();
    }
  }
  into.functions[id] = f;
}

mapping_entry read_mapping(protozero::pbf_reader message) {
  mapping_entry m;
  while (message.next()) {
    switch (message.tag()) {
      case 2:
        m.low = number(message);
        break;
      case 3:
        m.high = number(message);
        break;
      case 4:
        m.offset = number(message);
        break;
      case 5:
        m.file = number(message);
        break;
      case 6:
        m.build_id = number(message);
        break;
      default:
        message.skip();
    }
  }
  return m;
}

raw_profile read_raw(std::string_view bytes) {
  raw_profile raw;
  protozero::pbf_reader message(bytes.data(), bytes.size());
  while (message.next()) {
    switch (message.tag()) {
      case 1: {
        auto type = inner(message);
        std::uint64_t name = 0;
        while (type.next()) {
          if (type.tag() == 1) {
            name = number(type);
          } else {
            type.skip();
          }
        }
        raw.types.push_back(name);
        break;
      }
      case 2:
        if (raw.samples.size() >= most_goroutines) {
          raw.cut = true;
          message.skip();
        } else {
          raw.samples.push_back(read_sample(inner(message)));
        }
        break;
      case 3:
        if (raw.mappings.size() < most_mappings) {
          raw.mappings.push_back(read_mapping(inner(message)));
        } else {
          message.skip();
        }
        break;
      case 4:
        read_location(inner(message), raw);
        break;
      case 5:
        read_function(inner(message), raw);
        break;
      case 6: {
        const auto view = bytes_of(message);
        raw.strings.emplace_back(view.data(), view.size());
        break;
      }
      default:
        message.skip();
    }
  }
  return raw;
}

std::vector<profile_mapping> mappings_of(const raw_profile& raw) {
  std::vector<profile_mapping> all;
  for (const mapping_entry& m : raw.mappings) {
    all.push_back({m.low, m.high, m.offset, std::string(raw.text(m.file)),
                   std::string(raw.text(m.build_id))});
  }
  return all;
}

stack stack_of(const sample_entry& sample, const raw_profile& raw, profile_names& names) {
  stack s;
  for (const std::uint64_t id : sample.locations) {
    const auto location = raw.locations.find(id);
    if (location == raw.locations.end()) continue;
    if (location->second.lines.empty() && location->second.address != 0 &&
        s.frames.size() < most_frames)
      names.name(location->second.address, s.frames);
    // Inlined calls come innermost first.
    for (const line_entry& line : location->second.lines) {
      frame f;
      if (const auto function = raw.functions.find(line.function);
          function != raw.functions.end()) {
        f.function = raw.text(function->second.name);
        f.file = raw.text(function->second.file);
      }
      f.line = line.line > 0 ? static_cast<std::uint64_t>(line.line) : 0;
      if (s.frames.size() < most_frames) s.frames.push_back(std::move(f));
    }
  }
  return s;
}

}  // namespace

dump parse_profile(std::string_view bytes, const std::string& source) {
  raw_profile raw;
  try {
    raw = read_raw(bytes);
  } catch (const protozero::exception&) {
    throw user_error(source +
                     " is no goroutine dump in any format taut knows, or it is damaged; "
                     "fetch it again.");
  }
  if (raw.types.empty() || raw.strings.empty())
    throw user_error(source +
                     " is no goroutine dump in any format taut knows; fetch one from "
                     "/debug/pprof/goroutine.");
  const std::string_view name = raw.text(raw.types[0]);
  if (name != "goroutine" && name != "goroutineleak")
    throw user_error(source + " is a profile of " + printable(name.substr(0, 64)) +
                     ", which go tool pprof opens; taut reads goroutine and goroutineleak.");
  dump d;
  d.format = dump_format::profile;
  d.source = source;
  d.leak_profile = name == "goroutineleak";
  d.truncated = raw.cut;
  profile_names names(mappings_of(raw));
  for (const sample_entry& sample : raw.samples) {
    if (sample.value <= 0 || sample.value > 1'000'000'000) continue;
    goroutine g;
    g.count = static_cast<std::uint64_t>(sample.value);
    stack s = stack_of(sample, raw, names);
    g.state = state_of(s);
    g.guessed_state = true;
    g.leaked = d.leak_profile;
    for (const label_entry& l : sample.labels)
      g.labels.emplace_back(raw.text(l.key), raw.text(l.text));
    g.stack = d.intern(std::move(s));
    d.goroutines.push_back(std::move(g));
  }
  if (names.incomplete()) d.notes.emplace_back(names_missing);
  return d;
}

}  // namespace taut::cli
