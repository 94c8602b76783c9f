// SPDX-License-Identifier: Apache-2.0
// /debug/pprof/: the index, and a profile by each kind's name. Paths, parameters, headers, status
// codes and error texts are Go's.
#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "arch/unwind.h"
#include "debug/exchange.h"
#include "debug/kinds.h"
#include "debug/proto.h"
#include "debug/text.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::string_view folder = "/debug/pprof/";

struct row {
  std::string_view name;
  std::uint64_t count;
  std::string_view description;
};

const char* missing(const profile_kind& kind) {
  return kind.missing == nullptr ? nullptr : kind.missing();
}

std::vector<row> rows() {
  std::vector<row> all;
  for (const profile_kind* k : profile_kinds())
    all.push_back({k->name, k->count(), missing(*k) == nullptr ? k->description : missing(*k)});
  for (const endpoint* e : endpoints()) {
    if (e->description != nullptr && e->path.starts_with(folder) && e->path != folder)
      all.push_back({e->path.substr(folder.size()), 0, e->description});
  }
  std::ranges::sort(all, {}, &row::name);
  return all;
}

void index_page(exchange& x) {
  if (x.number("debug") != 0) {
    for (const row& r : rows())
      x.reply += std::to_string(r.count) + '\t' + std::string(r.name) + '\n';
    return;
  }
  x.content_type = "text/html; charset=utf-8";
  x.reply =
      "<!DOCTYPE html>\n<html>\n<head>\n<title>/debug/pprof/</title>\n<style>\n"
      "body { font-family: sans-serif }\ntd:first-child { text-align: right; "
      "padding-right: 1rem }\n</style>\n</head>\n<body>\n/debug/pprof/\n<br>\n"
      "<p>Set debug=1 as a query parameter to export in legacy text format</p>\n<br>\n"
      "Types of profiles available:\n<table>\n<thead><td>Count</td><td>Profile</td></thead>\n";
  for (const row& r : rows()) {
    const std::string name = escaped_html(r.name);
    x.reply += "<tr><td>" + std::to_string(r.count) + "</td><td><a href='" + name + "?debug=1'>" +
               name + "</a></td></tr>\n";
  }
  x.reply +=
      "</table>\n<a href=\"goroutine?debug=2\">full goroutine stack dump</a>\n<br>\n"
      "<p>\nProfile Descriptions:\n<ul>\n";
  for (const row& r : rows()) {
    x.reply +=
        "<li><b>" + escaped_html(r.name) + ":</b> " + escaped_html(r.description) + "</li>\n";
  }
  x.reply += "</ul>\n</p>\n</body>\n</html>\n";
}

void delta_page(exchange& x, const profile_kind& kind, const std::string& text) {
  std::int64_t seconds = 0;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || at != end || seconds <= 0)
    return x.fail(400, "invalid value for \"seconds\" - must be a positive integer");
  if (!kind.delta)
    return x.fail(400, "\"seconds\" parameter is not supported for this profile type");
  if (x.number("debug") != 0) return x.fail(400, "seconds and debug params are incompatible");
  if (seconds > most_seconds)
    return x.fail(400, "invalid value for \"seconds\" - at most 3600, the server would wait");
  slot mine(x);
  if (!mine) return;
  const stack_profile before = kind.collect(nullptr);
  if (!x.wait_or_fail(seconds * 1'000'000'000)) return;
  stack_profile after = kind.collect(nullptr);
  after.subtract(before);
  as_attachment(x, std::string(kind.name) + "-delta");
  reply_sink to(x);
  write_collected(kind, after, 0, to);
}

void pprof_page(exchange& x) {
  const std::string_view name = std::string_view(x.path).substr(folder.size());
  x.set_header("X-Content-Type-Options", "nosniff");
  if (name.empty()) return index_page(x);
  const profile_kind* kind = find_profile_kind(name);
  if (kind == nullptr) return x.fail(404, "Unknown profile");
  if (const char* sentence = missing(*kind)) return x.fail(501, sentence);
  refresh_modules();
  if (const std::string seconds = x.param("seconds"); !seconds.empty())
    return delta_page(x, *kind, seconds);
  const int debug = x.number("debug");
  if (debug < 2 || kind->dump == nullptr) {
    // Negative numbers ask for text, too.
    if (debug == 0) as_attachment(x, std::string(name));
    reply_sink to(x);
    write_profile(*kind, debug, nullptr, to);
    return;
  }
  if (debug == 3) x.content_type = "application/json; charset=utf-8";
  // Of any size: it is not kept.
  x.stream = [kind, debug](text_sink& to) { write_profile(*kind, debug, nullptr, to); };
}

}  // namespace

const endpoint pprof_endpoint = {
    .path = folder, .post = false, .handle = pprof_page, .description = nullptr};

}  // namespace rt
TAUT_END_NAMESPACE
