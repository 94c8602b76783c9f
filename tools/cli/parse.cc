// SPDX-License-Identifier: Apache-2.0
// Which format it is, and what to say when it is none.
#include "cli/parse.h"

#include <algorithm>

#include "cli/error.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

// Text has no control characters but these.
bool is_binary(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 4096);
  return std::any_of(head.begin(), head.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 && u != '\n' && u != '\r' && u != '\t' && u != 0x1b && u != '\f';
  });
}

[[noreturn]] void no_dump(const std::string& source, const std::string& what) {
  throw user_error(source + " " + what +
                   "; taut reads goroutine dumps, as /debug/pprof/goroutine, a crash or SIGQUIT "
                   "writes them.");
}

dump parse_unpacked(std::string_view bytes, const std::string& source) {
  if (bytes.empty()) no_dump(source, "is empty");
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first == bytes.npos) no_dump(source, "is blank");
  const std::string_view start = bytes.substr(first);
  if (bytes.starts_with("\x7f"
                        "ELF"))
    no_dump(source, "is a program or library");
  if (is_profile_text(bytes)) return parse_profile_text(bytes, source);
  if (is_binary(bytes)) {
    // A log may hold odd bytes and a dump all the same.
    if (dump d = parse_text(bytes, source); !d.goroutines.empty()) return d;
    return parse_profile(bytes, source);
  }
  if (start[0] == '{') {
    // A log of JSON lines begins like this too.
    if (dump d = parse_text(bytes, source);
        !d.goroutines.empty() && bytes.find("\n{") != bytes.npos)
      return d;
    return parse_json(bytes, source);
  }
  dump d = parse_text(bytes, source);
  if (!d.goroutines.empty()) return d;
  if (start[0] == '<') no_dump(source, "is a web page");
  for (const std::string_view other : {"heap profile:", "--- contention:", "--- mutex:"}) {
    if (start.starts_with(other)) no_dump(source, "is another kind of profile");
  }
  no_dump(source, "holds no goroutines");
}

}  // namespace

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

void parse_place(std::string_view text, frame& into) {
  for (const std::string_view extra : {" +0x", " fp=0x", " sp=0x", " pc=0x"})
    text = text.substr(0, text.find(extra));
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  const std::size_t colon = text.rfind(':');
  if (const auto line = colon == text.npos ? std::nullopt : parse_number(text.substr(colon + 1))) {
    into.line = *line;
    text = text.substr(0, colon);
  }
  if (text != "?") into.file = text.substr(0, most_name);
}

dump parse_dump(std::string_view bytes, const std::string& source) {
  if (bytes.size() > most_bytes)
    throw user_error(source + " is larger than " + std::to_string(most_bytes >> 30) +
                     " GiB; cut out the dump and try again.");
  if (!is_gzip(bytes)) return parse_unpacked(bytes, source);
  const std::string unpacked = gunzip(bytes, source);
  if (unpacked.empty()) no_dump(source, "is an empty archive");
  return is_binary(unpacked) && parse_text(unpacked, source).goroutines.empty()
             ? parse_profile(unpacked, source)
             : parse_unpacked(unpacked, source);
}

}  // namespace taut::cli
