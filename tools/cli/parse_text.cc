// SPDX-License-Identifier: Apache-2.0
// The text of debug=2, of panics and of SIGQUIT, as Go 1.19 to 1.27 and taut write it, alone or
// inside a log. A line of a log may begin with whatever the logger writes: what stands before a
// block's header must stand, up to numbers, before each of its lines.
//
// When an id comes again a new dump has begun: the last one of a log is what counts.
#include <optional>
#include <unordered_set>

#include "cli/error.h"
#include "cli/parse.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::int64_t minute = 60'000'000'000;
constexpr std::size_t most_prefix = 256;  // of a log's line
constexpr std::size_t most_labels = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::string_view take_digits(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

// A bare word, or one in quotes with escapes.
std::optional<std::string> take_token(std::string_view& text, std::string_view ends) {
  std::string token;
  if (!take(text, "\"")) {
    const std::size_t n = std::min(text.find_first_of(ends), text.size());
    token = text.substr(0, n);
    text.remove_prefix(n);
    return token;
  }
  while (!text.empty()) {
    char c = text[0];
    text.remove_prefix(1);
    if (c == '"') return token;
    if (c == '\\' && !text.empty()) {
      c = text[0];
      text.remove_prefix(1);
      if (c == 'n' || c == 't' || c == 'r') c = ' ';
      // \x41 and \u1234 stay as they are: nobody looks for them by name.
      if (c == 'x' || c == 'u') token += '\\';
    }
    token += c;
  }
  return std::nullopt;
}

// " {key: value, key: value}"
bool take_labels(std::string_view& text, goroutine& into) {
  if (!take(text, " {")) return true;
  while (into.labels.size() < most_labels) {
    auto key = take_token(text, ":}");
    if (!key || !take(text, ": ")) return false;
    auto value = take_token(text, ",}");
    if (!value) return false;
    into.labels.emplace_back(std::move(*key), std::move(*value));
    if (take(text, "}")) return true;
    if (!take(text, ", ")) return false;
  }
  return false;
}

// "chan receive (leaked), 3 minutes, locked to thread, synctest bubble 7"
void parse_status(std::string_view status, goroutine& into) {
  std::size_t comma = status.find(", ");
  std::string_view state = status.substr(0, comma);
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view mark : {" (leaked)", " (scan)", " (durable)"}) {
      if (!state.ends_with(mark)) continue;
      state.remove_suffix(mark.size());
      into.leaked |= mark == " (leaked)";
      more = true;
    }
  }
  into.state = state.substr(0, 128);
  while (comma != status.npos) {
    status.remove_prefix(comma + 2);
    comma = status.find(", ");
    std::string_view item = status.substr(0, comma);
    if (item == "locked to thread") into.locked = true;
    const auto minutes = parse_number(take_digits(item));
    if (minutes && *minutes < 100'000'000 && item == " minutes")
      into.waited = static_cast<std::int64_t>(*minutes) * minute;
  }
}

// A block's header, which begins the text.
std::optional<goroutine> parse_header(std::string_view text) {
  goroutine g;
  if (!take(text, "goroutine ")) return std::nullopt;
  const auto id = parse_number(take_digits(text));
  if (!id) return std::nullopt;
  g.id = *id;
  // gp=0xc000002380 m=0 mp=0x5581c0, or m=nil: printed when the runtime itself dies.
  while (text.starts_with(" gp=") || text.starts_with(" m=") || text.starts_with(" mp=")) {
    text.remove_prefix(1);
    const std::size_t blank = text.find(' ');
    if (blank == text.npos) return std::nullopt;
    text.remove_prefix(blank);
  }
  if (!take(text, " [")) return std::nullopt;
  const std::size_t end = text.find(']');
  if (end == text.npos || end == 0) return std::nullopt;
  parse_status(text.substr(0, end), g);
  text.remove_prefix(end + 1);
  if (!take_labels(text, g) || !take(text, ":")) return std::nullopt;
  // A logger may have added a blank, a quote, a colour's end.
  return text.size() > 16 ? std::nullopt : std::optional(std::move(g));
}

// Where in the line a header begins.
std::optional<std::size_t> find_header(std::string_view line, goroutine& into) {
  for (std::size_t at = line.find("goroutine "); at != line.npos && at <= most_prefix;
       at = line.find("goroutine ", at + 1)) {
    if (auto g = parse_header(line.substr(at))) {
      into = std::move(*g);
      return at;
    }
  }
  return std::nullopt;
}

// Removes what the logger wrote: equal to `prefix` but for its numbers. False: another line.
bool strip_prefix(std::string_view& line, std::string_view prefix) {
  std::string_view rest = line;
  while (!prefix.empty()) {
    if (is_digit(prefix[0])) {
      if (rest.empty() || !is_digit(rest[0])) return false;
      take_digits(prefix);
      take_digits(rest);
      continue;
    }
    if (rest.empty() || rest[0] != prefix[0]) {
      // The blanks at the end of an empty line get lost.
      if (rest.empty() && prefix.find_first_not_of(" \t") == prefix.npos) break;
      return false;
    }
    prefix.remove_prefix(1);
    rest.remove_prefix(1);
  }
  line = rest;
  return true;
}

bool is_place(std::string_view line) { return line.starts_with("\t") || line.starts_with("    "); }

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first == line.npos ? std::string_view() : line.substr(first);
}

// Whether the last line of a text is a frame, or the beginning of one or of a header, whose rest is
// missing. Shells and `go run` have the last word too: "exit status 2", "Aborted (core dumped)".
bool is_half(std::string_view line, bool whole_line) {
  for (const std::string_view start : {"created by ", "goroutine "}) {
    if (line.starts_with(start) || (!whole_line && start.starts_with(line))) return true;
  }
  if (whole_line) {
    const std::size_t open = line.rfind('(');
    return line.ends_with(')') && open != 0 && line[open - 1] != ' ';
  }
  const std::string_view word = line.substr(0, line.find(' '));
  return word.size() == line.size() || word.find_first_of("(.") != word.npos ||
         word.find("::") != word.npos;
}

class text_parser {
 public:
  text_parser(std::string_view bytes, dump& into)
      : rest_(bytes), to_(into), ends_with_line_(bytes.ends_with('\n')) {}

  void run() {
    std::string_view line;
    bool have = false;
    while (have || !rest_.empty()) {
      if (!have) line = take_line(rest_);
      have = false;
      goroutine g;
      const auto at = find_header(line, g);
      if (!at) continue;
      if (to_.goroutines.size() >= most_goroutines) {
        to_.truncated = true;
        return;
      }
      if (g.id != 0 && !seen_.insert(g.id).second) restart(g.id);
      prefix_ = line.substr(0, *at);
      have = block(std::move(g), line);
    }
  }

 private:
  void restart(std::uint64_t id) {
    const std::string source = to_.source;
    to_ = dump();
    to_.source = source;
    seen_ = {id};
  }

  // The frames below a header. True when `line` is the next header.
  bool block(goroutine g, std::string_view& line) {
    stack s;
    bool ended = false;  // what follows belongs to the goroutine's ancestors
    bool next = false;
    std::string_view function;
    while (!rest_.empty()) {
      line = take_line(rest_);
      std::string_view text = line;
      if (text.empty()) break;
      if (!strip_prefix(text, prefix_)) {
        goroutine other;
        if (find_header(line, other)) {
          next = true;
          break;
        }
        continue;
      }
      if (text.empty()) break;
      if (is_place(text)) {
        text = trimmed(text);
        if (text.starts_with("goroutine running on other thread")) {
          s.unavailable = true;
        } else if (!ended && !function.empty()) {
          ended = add(s, g, function, text);
        }
        function = {};
        continue;
      }
      goroutine other;
      if (find_header(text, other)) {
        next = true;
        break;
      }
      if (text.starts_with("...")) {
        text.remove_prefix(3);
        if (const auto n = parse_number(take_digits(text)); n || text.starts_with("additional")) {
          s.elided = static_cast<std::size_t>(std::min<std::uint64_t>(n.value_or(1), 1u << 30));
          s.elided_at = s.frames.size();
        }
        continue;
      }
      if (text.starts_with("[originating from goroutine ")) {
        ended = true;
        continue;
      }
      function = text;
    }
    // A dump that was cut at its size limit ends inside a block.
    if (rest_.empty() && ((!function.empty() && is_half(function, ends_with_line_)) ||
                          (s.frames.empty() && !s.unavailable)))
      to_.truncated = true;
    g.stack = to_.intern(std::move(s));
    to_.goroutines.push_back(std::move(g));
    return next;
  }

  // True when it was the last line of the goroutine's own.
  static bool add(stack& s, goroutine& g, std::string_view function, std::string_view place) {
    frame f;
    parse_place(place, f);
    constexpr std::string_view by = "created by ", in = " in goroutine ";
    if (take(function, by)) {
      if (const std::size_t at = function.rfind(in); at != function.npos) {
        std::string_view parent = function.substr(at + in.size());
        g.parent = parse_number(take_digits(parent)).value_or(0);
        function = function.substr(0, at);
      }
      f.function = function.substr(0, most_name);
      s.created = std::move(f);
      return true;
    }
    // The arguments: names of C++ functions may hold parentheses, arguments do not.
    if (const std::size_t open = function.rfind('(');
        open != function.npos && function.back() == ')')
      function = function.substr(0, open);
    f.function = function.substr(0, most_name);
    if (s.frames.size() < most_frames) s.frames.push_back(std::move(f));
    return false;
  }

  std::string_view rest_;
  dump& to_;
  const bool ends_with_line_;
  std::string_view prefix_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

dump parse_text(std::string_view bytes, const std::string& source) {
  dump d;
  d.format = dump_format::text;
  d.source = source;
  text_parser(bytes, d).run();
  for (goroutine& g : d.goroutines) {
    if (g.state == "waiting" && g.leaked) g.state.clear();
  }
  return d;
}

}  // namespace taut::cli
