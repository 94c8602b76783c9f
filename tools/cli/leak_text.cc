// SPDX-License-Identifier: Apache-2.0
// The leak report for a terminal, in the form of taut::leak_report::to_text().
#include <algorithm>
#include <cstdio>

#include "cli/leak_report.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::size_t field = 15;  // where the text of a line begins

std::string memory_text(std::uint64_t bytes) {
  char text[32];
  const double kib = static_cast<double>(bytes) / 1024;
  if (kib < 1024) {
    std::snprintf(text, sizeof text, "%.0f KiB", kib);
  } else if (kib < 1024 * 1024) {
    std::snprintf(text, sizeof text, "%.1f MiB", kib / 1024);
  } else {
    std::snprintf(text, sizeof text, "%.1f GiB", kib / 1024 / 1024);
  }
  return text;
}

class writer {
 public:
  explicit writer(std::size_t width)
      : width_(width == 0 ? 100 : std::max<std::size_t>(width, 40)) {}

  void heading(const leak_list& list, bool proved) {
    std::uint64_t memory = 0;
    std::size_t causes = 0;
    bool known = false;
    for (const leak_group& g : list.groups) {
      if (g.proved != proved) continue;
      ++causes;
      memory += g.memory;
      known |= !g.cause.empty();
    }
    if (causes == 0) return;
    const std::uint64_t count = proved ? list.proved : list.suspected;
    if (!text_.empty()) text_ += '\n';
    std::string text = grouped(count) + (count == 1 ? " goroutine " : " goroutines ") +
                       (proved ? "can never run again" : "may never run again");
    if (memory != 0) text += " (" + memory_text(memory) + ")";
    const char* what =
        known ? (causes == 1 ? "cause" : "causes") : (causes == 1 ? "place" : "places");
    text += ", " + std::to_string(causes) + " " + what;
    text_ += shorten(text, width_) + "\n";
    for (const leak_group& g : list.groups) {
      if (g.proved == proved) group(g, list.waits_at_least);
    }
  }

  // Wraps at blanks; continuation lines begin where the text does.
  void line(std::string_view label, std::string_view value, bool wrap = true) {
    std::string out = "  " + std::string(label);
    out.resize(std::max(out.size() + 1, field), ' ');
    if (!wrap) {
      text_ += out + shorten(value, width_ - field) + "\n";
      return;
    }
    wrapped(std::move(out), field, value);
  }

  // The first line begins with `out`, the others are indented.
  void wrapped(std::string out, std::size_t indent, std::string_view value) {
    std::size_t at = columns_of(out);
    bool empty = true;
    while (!value.empty()) {
      const std::size_t blank = value.find(' ');
      std::string word = shorten(value.substr(0, blank), width_ - indent);
      if (!empty && at + 1 + columns_of(word) > width_) {
        text_ += out + "\n";
        out.assign(indent, ' ');
        at = indent;
        empty = true;
      }
      if (!empty) {
        out += ' ';
        ++at;
      }
      at += columns_of(word);
      out += word;
      empty = false;
      value.remove_prefix(blank == value.npos ? value.size() : blank + 1);
    }
    text_ += out + "\n";
  }

  std::string take() { return std::move(text_); }
  std::string& text() { return text_; }

 private:
  static std::string full_place(const frame& f) {
    const std::string place = printable(place_text(f));
    if (f.file.empty() || f.function.empty()) return place;
    return place + "   " + printable(f.function);
  }

  void place(std::string_view label, const frame& f) {
    const std::string whole = full_place(f);
    if (columns_of(whole) <= width_ - field || f.file.empty()) {
      line(label, whole, false);
      return;
    }
    line(label, printable(place_text(f)), false);
    if (!f.function.empty()) line("", printable(f.function), false);
  }

  void group(const leak_group& g, bool at_least) {
    std::string head = grouped(g.count) + " \u00d7 " + printable(g.waits_for);
    if (g.longest >= 0) head += (at_least ? "  for >" : "  for ") + duration_text(g.longest);
    const std::string verdict = (g.proved ? "proved: " : "suspected: ") + printable(g.evidence);
    const std::size_t width = 2 + columns_of(head);
    text_ += "\n  " + shorten(head, width_ - 2);
    if (width + 2 + columns_of(verdict) <= width_) {
      const std::size_t most = width_ - width - columns_of(verdict);
      const std::size_t wanted = width < 63 ? 65 - width : 2;
      text_ += std::string(std::min(wanted, most), ' ') + verdict + "\n";
    } else {
      text_ += "\n";
      line("verdict", verdict);
    }
    place("blocked", g.blocked);
    // Its kind is the label, unless it is a select's cases.
    const std::size_t colon = g.object.find(": ");
    if (colon != g.object.npos && g.object.find(" on ") > colon) {
      line(printable(g.object.substr(0, colon)), printable(g.object.substr(colon + 2)));
    } else if (!g.object.empty()) {
      line("object", printable(g.object));
    }
    if (!g.explanation.empty()) line("cause " + printable(g.cause), printable(g.explanation));
    if (!g.created.file.empty() || !g.created.function.empty()) place("started", g.created);
    if (!g.fix.empty()) line("fix", printable(g.fix));
  }

  std::size_t width_;
  std::string text_;
};

}  // namespace

std::string leaks_text(const leak_list& list, std::size_t width) {
  writer w(width);
  const std::string looked_at = grouped(list.goroutines) +
                                (list.goroutines == 1 ? " goroutine" : " goroutines") +
                                " looked at";
  const bool judged = list.not_judged.empty();
  // Not to be taken for "there is none", whatever follows.
  if (!judged && list.proved == 0)
    w.wrapped("not judged: ", 0, looked_at + ", but " + list.not_judged);
  w.heading(list, true);
  w.heading(list, false);
  std::string& text = w.text();
  if (judged || list.proved != 0) {
    text += (text.empty() ? "no leaks found: " : "\n") + looked_at;
    if (list.seconds >= 0) {
      char took[32];
      std::snprintf(took, sizeof took, " in %.0f ms", list.seconds * 1000);
      text += took;
    }
    text += "\n";
    if (!judged) w.line("note", "the others are not judged: " + list.not_judged);
  }
  for (const std::string& note : list.notes) w.line("note", note);
  return w.take();
}

}  // namespace taut::cli
