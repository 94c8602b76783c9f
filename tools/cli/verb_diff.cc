// SPDX-License-Identifier: Apache-2.0
// taut diff and taut leaks: verdicts, for people and for scripts.
#include <chrono>
#include <iostream>
#include <thread>

#include "cli/error.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace taut::cli {

int diff_verb(const arguments& a) {
  const bool again = a.after >= 0;
  if (again && a.sources.size() != 1)
    throw user_error("--after takes one URL, to read it twice; drop the other source, or --after.");
  if (!again && a.sources.size() != 2)
    throw user_error(
        "diff compares two sources; name the second, or read one URL twice with --after 30s.");
  const auto first = open_source(a.sources.front(), a.reading);
  dump before, after;
  std::string second_name = first->name();
  if (again) {
    if (!first->live())
      throw user_error("--after reads a service twice, but " + first->name() +
                       " does not change; give a URL.");
    before = first->read(detail::cheap);
    if (!a.how.json && output_is_terminal())
      std::cerr << "read " << grouped(before.total()) << " goroutines; reading again in "
                << duration_text(a.after) << '\n';
    std::this_thread::sleep_for(std::chrono::nanoseconds(a.after));
    after = first->read(detail::cheap);
  } else {
    const auto second = open_source(a.sources.back(), a.reading);
    second_name = second->name();
    // A service can answer in the form that the other one has.
    const auto like = [](const dump& other) {
      return other.format == dump_format::text || other.format == dump_format::json ? detail::full
                                                                                    : detail::cheap;
    };
    if (first->live() && !second->live()) {
      after = second->read(detail::full);
      before = first->read(like(after));
    } else {
      before = first->read(first->live() ? detail::cheap : detail::full);
      after = second->read(like(before));
    }
  }
  const dump_diff diff = compare(before, after, a.growth, a.only);
  print(a.how.json ? diff_json(diff, a.growth, first->name(), second_name)
                   : diff_text(diff, a.growth, a.how));
  return diff.grown == 0 ? nothing_found : found;
}

int leaks_verb(const arguments& a) {
  const auto from = open_source(a.sources.front(), a.reading);
  const leak_answer answer = from->read_leaks();
  const leak_list list = answer.report.empty() ? judge(answer, a.suspicion)
                                               : parse_leak_report(answer.report, from->name());
  print(a.how.json ? leaks_json(list, from->name()) : leaks_text(list, a.how.width));
  if (list.proved != 0 || (a.suspected_fails && list.suspected != 0)) return found;
  return list.not_judged.empty() ? nothing_found : not_judged;
}

}  // namespace taut::cli
