// SPDX-License-Identifier: Apache-2.0
// The leak report for a terminal, and as JSON.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "taut/diag.h"

TAUT_BEGIN_NAMESPACE
namespace {

constexpr std::size_t columns = 100;
constexpr std::size_t field = 15;  // where the text of a line begins

std::string grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string memory_text(std::size_t bytes) {
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

std::string duration_text(std::chrono::nanoseconds d) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(d).count();
  if (seconds < 1)
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + "ms";
  std::string text;
  if (seconds >= 3600) text += std::to_string(seconds / 3600) + "h";
  if (seconds >= 60) text += std::to_string(seconds / 60 % 60) + "m";
  return text + std::to_string(seconds % 60) + "s";
}

// Wraps at blanks; continuation lines begin where the text does.
void append_line(std::string& to, std::string_view label, std::string_view text) {
  std::string line = "  " + std::string(label);
  line.resize(std::max(line.size() + 1, field), ' ');
  bool empty = true;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    if (!empty && line.size() + 1 + word.size() > columns) {
      to += line + "\n";
      line.assign(field, ' ');
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
    text.remove_prefix(blank == text.npos ? text.size() : blank + 1);
  }
  to += line + "\n";
}

std::string place_text(const code_place& p) {
  if (p.file.empty()) return "?";
  std::string text = p.file + ":" + std::to_string(p.line);
  if (!p.function.empty()) text += "   " + p.function;
  return text;
}

void append_heading(std::string& to, std::size_t count, const char* fate, std::size_t memory,
                    std::size_t causes) {
  to += grouped(count) + (count == 1 ? " goroutine " : " goroutines ") + fate + " (" +
        memory_text(memory) + "), " + std::to_string(causes) +
        (causes == 1 ? " cause\n" : " causes\n");
}

void append_leak(std::string& to, const leak& l) {
  std::string head =
      grouped(l.count) + " \u00d7 " + l.waits_for + "  for " + duration_text(l.longest);
  const std::string verdict =
      (l.grade == leak_grade::proved ? "proved: " : "suspected: ") + l.evidence;
  // The multiplication sign is two bytes and one column.
  const std::size_t width = head.size() - 1 + 2;
  to += "\n  " + head;
  if (width + 2 + verdict.size() <= columns) {
    to += std::string(std::max<std::size_t>(2, width < 65 ? 65 - width : 2), ' ')
              .substr(0, columns - width - verdict.size()) +
          verdict + "\n";
  } else {
    to += "\n";
    append_line(to, "verdict", verdict);
  }
  append_line(to, "blocked", place_text(l.blocked));
  if (const std::size_t colon = l.object.find(": "); colon != l.object.npos) {
    append_line(to, l.object.substr(0, colon), l.object.substr(colon + 2));
  }
  append_line(to, "cause " + l.cause, l.explanation);
  append_line(to, "started", place_text(l.created));
  append_line(to, "fix", l.fix);
}

nlohmann::json json_of(const code_place& p) {
  return {{"file", p.file}, {"line", p.line}, {"function", p.function}};
}

}  // namespace

std::string leak_report::to_text() const {
  std::string text;
  for (const leak_grade grade : {leak_grade::proved, leak_grade::suspected}) {
    std::size_t causes = 0, memory = 0;
    for (const leak& l : leaks) {
      if (l.grade != grade) continue;
      ++causes;
      memory += l.memory;
    }
    if (causes == 0) continue;
    if (!text.empty()) text += '\n';
    if (grade == leak_grade::proved) {
      append_heading(text, proved, "can never run again", memory, causes);
    } else {
      append_heading(text, suspected, "may never run again", memory, causes);
    }
    for (const leak& l : leaks) {
      if (l.grade == grade) append_leak(text, l);
    }
  }
  char end[96];
  std::snprintf(end, sizeof end, "%s%s goroutines looked at in %.0f ms\n",
                text.empty() ? "no leaks: " : "\n", grouped(goroutines).c_str(), seconds * 1000);
  return text + end;
}

std::string leak_report::to_json() const {
  nlohmann::json all = nlohmann::json::array();
  for (const leak& l : leaks) {
    all.push_back({{"grade", l.grade == leak_grade::proved ? "proved" : "suspected"},
                   {"count", l.count},
                   {"waits_for", l.waits_for},
                   {"evidence", l.evidence},
                   {"cause", l.cause},
                   {"explanation", l.explanation},
                   {"fix", l.fix},
                   {"object", l.object},
                   {"blocked", json_of(l.blocked)},
                   {"culprit", json_of(l.culprit)},
                   {"created", json_of(l.created)},
                   {"longest_seconds", static_cast<double>(l.longest.count()) / 1e9},
                   {"memory_bytes", l.memory},
                   {"goroutines", l.goroutines}});
  }
  const nlohmann::json report = {{"goroutines", goroutines},
                                 {"proved", proved},
                                 {"suspected", suspected},
                                 {"seconds", seconds},
                                 {"leaks", std::move(all)}};
  return report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

TAUT_END_NAMESPACE
