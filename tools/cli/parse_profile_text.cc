// SPDX-License-Identifier: Apache-2.0
// debug=1: records of equal stacks, with counts and labels, but without states.
#include <algorithm>

#include "cli/error.h"
#include "cli/parse.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

// "NAME profile: total N"; the name, or empty.
std::string_view name_of(std::string_view line) {
  constexpr std::string_view middle = " profile: total ";
  const std::size_t at = line.find(middle);
  if (at == line.npos || at == 0 || line.find(' ') != at) return {};
  return parse_number(line.substr(at + middle.size())) ? line.substr(0, at) : std::string_view();
}

// "12 @ 0x1 0x2": the count; 0 when it is another line.
std::uint64_t count_of(std::string_view line) {
  const std::size_t at = line.find(" @");
  if (at == line.npos) return 0;
  const auto n = parse_number(line.substr(0, at));
  return n && *n <= 1'000'000'000 ? *n : 0;
}

// A string in Go's quotes from the front.
std::string take_quoted(std::string_view& text) {
  std::string out;
  if (text.empty() || text[0] != '"') return out;
  text.remove_prefix(1);
  while (!text.empty()) {
    char c = text[0];
    text.remove_prefix(1);
    if (c == '"') break;
    if (c == '\\' && !text.empty()) {
      c = text[0];
      text.remove_prefix(1);
      if (c == 'n' || c == 't' || c == 'r') c = ' ';
      if (c == 'x' || c == 'u') out += '\\';
    }
    if (out.size() < most_name) out += c;
  }
  return out;
}

// # labels: {"key":"value", "key":"value"}
void parse_labels(std::string_view text, goroutine& into) {
  const std::size_t open = text.find('{');
  if (open == text.npos) return;
  text.remove_prefix(open + 1);
  while (text.starts_with("\"") && into.labels.size() < 64) {
    std::string key = take_quoted(text);
    if (!text.starts_with(":")) return;
    text.remove_prefix(1);
    into.labels.emplace_back(std::move(key), take_quoted(text));
    if (!text.starts_with(", ")) return;
    text.remove_prefix(2);
  }
}

// #<tab>0x4dec3d<tab>main.send+0x1d<tab><tab>/src/main.go:11
void parse_frame(std::string_view text, stack& into) {
  text.remove_prefix(std::min(text.find_first_not_of("#\t "), text.size()));
  if (!text.starts_with("0x") || into.frames.size() >= most_frames) return;
  text.remove_prefix(std::min(text.find('\t'), text.size()));
  text.remove_prefix(std::min(text.find_first_not_of('\t'), text.size()));
  const std::size_t end = text.find('\t');
  if (end == text.npos) return;  // no symbol
  std::string_view function = text.substr(0, end);
  function = function.substr(0, function.rfind("+0x"));
  text.remove_prefix(end);
  text.remove_prefix(std::min(text.find_first_not_of('\t'), text.size()));
  frame f;
  f.function = function.substr(0, most_name);
  parse_place(text, f);
  into.frames.push_back(std::move(f));
}

}  // namespace

bool is_profile_text(std::string_view bytes) {
  std::string_view rest = bytes.substr(0, 4096);
  return !name_of(take_line(rest)).empty();
}

dump parse_profile_text(std::string_view bytes, const std::string& source) {
  dump d;
  d.format = dump_format::profile_text;
  d.source = source;
  std::string_view rest = bytes;
  std::string_view header = take_line(rest);
  const std::string_view name = name_of(header);
  if (name != "goroutine" && name != "goroutineleak")
    throw user_error(
        source + " is a " + printable(name.substr(0, 64)) +
        " profile, which go tool pprof opens; taut reads goroutine and goroutineleak.");
  d.leak_profile = name == "goroutineleak";
  const std::uint64_t total = parse_number(header.substr(header.rfind(' ') + 1)).value_or(0);
  goroutine g;
  stack s;
  bool open = false;
  const auto finish = [&] {
    if (!open) return;
    g.state = state_of(s);
    g.guessed_state = true;
    g.leaked = d.leak_profile;
    g.stack = d.intern(std::move(s));
    d.goroutines.push_back(std::move(g));
    g = goroutine();
    s = stack();
    open = false;
  };
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (line.starts_with("# labels:")) {
      parse_labels(line, g);
    } else if (line.starts_with("#")) {
      if (open) parse_frame(line, s);
    } else if (const std::uint64_t count = count_of(line); count != 0) {
      finish();
      if (d.goroutines.size() >= most_goroutines) break;
      g.count = count;
      open = true;
    } else if (line.empty()) {
      finish();
    }
  }
  finish();
  d.truncated = d.total() < total;
  return d;
}

}  // namespace taut::cli
