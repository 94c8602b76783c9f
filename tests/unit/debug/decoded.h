// SPDX-License-Identifier: Apache-2.0
// A profile as pprof decodes it, with the checks that make pprof refuse one.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <map>
#include <protozero/pbf_reader.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace taut::test {

inline std::string gunzip(std::string_view bytes) {
  z_stream z = {};
  if (::inflateInit2(&z, 15 + 16) != Z_OK) throw std::runtime_error("no memory");
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  std::string text;
  char some[16384];
  int status = Z_OK;
  while (status == Z_OK) {
    z.next_out = reinterpret_cast<Bytef*>(some);
    z.avail_out = sizeof some;
    status = ::inflate(&z, Z_NO_FLUSH);
    text.append(some, sizeof some - z.avail_out);
  }
  ::inflateEnd(&z);
  if (status != Z_STREAM_END) throw std::runtime_error("not gzip, or cut off");
  return text;
}

struct decoded_profile {
  struct sample {
    std::vector<std::uint64_t> locations;
    std::vector<std::int64_t> values;
    std::map<std::string, std::string> labels;
    std::map<std::string, std::int64_t> numbers;
  };
  struct function {
    std::string name, system_name, file;
  };
  struct location {
    std::uint64_t mapping = 0, address = 0;
    std::vector<std::pair<std::uint64_t, std::int64_t>> lines;  // function, line
  };
  struct mapping {
    std::uint64_t start = 0, limit = 0;
    std::string file, build_id;
    bool has_functions = false;
  };

  std::vector<std::pair<std::string, std::string>> types;
  std::pair<std::string, std::string> period_type;
  std::string default_type;
  std::int64_t period = 0, time_nanos = 0, duration_nanos = 0;
  std::vector<sample> samples;
  std::map<std::uint64_t, location> locations;
  std::map<std::uint64_t, function> functions;
  std::map<std::uint64_t, mapping> mappings;
  std::vector<std::string> comments;
  std::vector<int> order;  // of the messages' fields, without repetitions

  std::int64_t total() const {
    std::int64_t sum = 0;
    for (const sample& s : samples) sum += s.values.at(0);
    return sum;
  }
  // Functions of a sample, innermost first.
  std::vector<std::string> names_of(const sample& s) const {
    std::vector<std::string> names;
    for (std::uint64_t id : s.locations) {
      for (auto [f, line] : locations.at(id).lines) names.push_back(functions.at(f).name);
    }
    return names;
  }
};

// Throws std::runtime_error with what pprof would complain about.
inline decoded_profile decode(std::string_view gzipped) {
  const std::string bytes = gunzip(gzipped);
  auto need = [](bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
  };
  std::vector<std::string> strings;
  for (protozero::pbf_reader r(bytes); r.next();) {
    if (r.tag() == 6) {
      strings.push_back(r.get_string());
    } else {
      r.skip();
    }
  }
  need(!strings.empty() && strings[0].empty(), "the first string is not empty");
  auto text = [&](std::int64_t i) { return strings.at(static_cast<std::size_t>(i)); };
  auto type_of = [&](protozero::pbf_reader m) {
    std::pair<std::string, std::string> type;
    while (m.next()) (m.tag() == 1 ? type.first : type.second) = text(m.get_int64());
    return type;
  };
  decoded_profile p;
  auto add = [&](auto& to, std::uint64_t id, auto value) {
    need(id != 0, "an id is 0");
    need(to.emplace(id, std::move(value)).second, "an id is there twice");
  };
  for (protozero::pbf_reader r(bytes); r.next();) {
    const int tag = static_cast<int>(r.tag());
    if (p.order.empty() || p.order.back() != tag) p.order.push_back(tag);
    if (tag == 1) {
      p.types.push_back(type_of(r.get_message()));
    } else if (tag == 11) {
      p.period_type = type_of(r.get_message());
    } else if (tag == 12) {
      p.period = r.get_int64();
    } else if (tag == 14) {
      p.default_type = text(r.get_int64());
    } else if (tag == 9) {
      p.time_nanos = r.get_int64();
    } else if (tag == 10) {
      p.duration_nanos = r.get_int64();
    } else if (tag == 13) {
      p.comments.push_back(text(r.get_int64()));
    } else if (tag == 2) {
      decoded_profile::sample s;
      for (auto m = r.get_message(); m.next();) {
        if (m.tag() == 1) {
          for (auto id : m.get_packed_uint64()) s.locations.push_back(id);
        } else if (m.tag() == 2) {
          for (auto v : m.get_packed_int64()) s.values.push_back(v);
        } else if (m.tag() == 3) {
          std::int64_t key = 0, value = 0;
          bool is_number = false;
          for (auto label = m.get_message(); label.next();) {
            is_number = label.tag() == 3;
            (label.tag() == 1 ? key : value) = label.get_int64();
          }
          if (is_number) {
            s.numbers[text(key)] = value;
          } else {
            s.labels[text(key)] = text(value);
          }
        }
      }
      p.samples.push_back(std::move(s));
    } else if (tag == 3) {
      decoded_profile::mapping one;
      std::uint64_t id = 0;
      for (auto m = r.get_message(); m.next();) {
        if (m.tag() == 1) {
          id = m.get_uint64();
        } else if (m.tag() == 2) {
          one.start = m.get_uint64();
        } else if (m.tag() == 3) {
          one.limit = m.get_uint64();
        } else if (m.tag() == 5) {
          one.file = text(m.get_int64());
        } else if (m.tag() == 6) {
          one.build_id = text(m.get_int64());
        } else if (m.tag() == 7) {
          one.has_functions = m.get_bool();
        } else {
          m.skip();
        }
      }
      add(p.mappings, id, std::move(one));
    } else if (tag == 4) {
      decoded_profile::location one;
      std::uint64_t id = 0;
      for (auto m = r.get_message(); m.next();) {
        if (m.tag() == 1) {
          id = m.get_uint64();
        } else if (m.tag() == 2) {
          one.mapping = m.get_uint64();
        } else if (m.tag() == 3) {
          one.address = m.get_uint64();
        } else if (m.tag() == 4) {
          auto& line = one.lines.emplace_back();
          for (auto l = m.get_message(); l.next();) {
            if (l.tag() == 1) {
              line.first = l.get_uint64();
            } else {
              line.second = l.get_int64();
            }
          }
        }
      }
      add(p.locations, id, std::move(one));
    } else if (tag == 5) {
      decoded_profile::function one;
      std::uint64_t id = 0;
      for (auto m = r.get_message(); m.next();) {
        if (m.tag() == 1) {
          id = m.get_uint64();
        } else {
          (m.tag() == 2   ? one.name
           : m.tag() == 3 ? one.system_name
                          : one.file) = text(m.get_int64());
        }
      }
      add(p.functions, id, std::move(one));
    } else {
      r.skip();
    }
  }
  need(!p.types.empty(), "no sample type");
  for (const auto& s : p.samples) {
    need(s.values.size() == p.types.size(), "a sample has a wrong number of values");
    for (auto id : s.locations) need(p.locations.contains(id), "a sample's location is missing");
  }
  for (const auto& [id, l] : p.locations) {
    need(l.mapping == 0 || p.mappings.contains(l.mapping), "a location's mapping is missing");
    for (auto [f, line] : l.lines) need(p.functions.contains(f), "a line's function is missing");
  }
  return p;
}

}  // namespace taut::test
