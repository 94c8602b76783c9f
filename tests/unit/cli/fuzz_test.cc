// SPDX-License-Identifier: Apache-2.0
// Malformed input gets an error or a dump, never a crash. Deterministic: run N mutates the samples
// by the seed N, so a failure names the run that repeats it. TAUT_FUZZ_RUNS sets the number,
// TAUT_FUZZ_FIRST the first one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "cli/diff.h"
#include "cli/error.h"
#include "cli/groups.h"
#include "cli/leak_report.h"
#include "cli/parse.h"
#include "cli/source.h"
#include "cli/url.h"
#include "unit/cli/samples.h"

namespace {

using namespace taut::cli;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class mutator {
 public:
  explicit mutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

  void mutate(std::string& text, const std::vector<std::string>& all) {
    const std::size_t at = below(text.size() + 1);
    switch (below(8)) {
      case 0:  // one bit
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:  // one byte
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 2:  // a piece goes
        text.erase(at, 1 + below(40));
        break;
      case 3: {  // a piece comes again elsewhere
        const std::string piece = text.substr(at, 1 + below(80));
        text.insert(below(text.size() + 1), piece);
        break;
      }
      case 4:  // the end is cut off
        text.resize(at);
        break;
      case 5: {  // something of another sample
        const std::string& other = all[below(all.size())];
        text.insert(at, other.substr(below(other.size() + 1), below(100)));
        break;
      }
      case 6: {  // what parsers look for
        static constexpr const char* words[] = {"goroutine ",
                                                "[",
                                                "]:",
                                                "\n",
                                                "\n\n",
                                                "\t",
                                                "created by ",
                                                " in goroutine ",
                                                "...999999999999999999999 frames elided...",
                                                "99999999999999999999",
                                                " minutes",
                                                "{",
                                                "}",
                                                "\"",
                                                "\\",
                                                "(",
                                                ")",
                                                ":",
                                                "@ 0x",
                                                "#\t0x",
                                                "\xff",
                                                "\x80\x80\x80\x80\x80\x80",
                                                "\x1f\x8b",
                                                "[originating from goroutine 1]:",
                                                "null",
                                                "-1",
                                                "1e999",
                                                ", ",
                                                " {a: b}:"};
        text.insert(at, words[below(std::size(words))]);
        break;
      }
      default:  // a number of a profile, or of a length
        if (at < text.size()) text[at] = static_cast<char>(0x80 | below(128));
        break;
    }
  }

 private:
  std::mt19937_64 random_;
};

// All that the verbs do with a dump.
std::size_t use(const dump& d) {
  std::size_t size = by_stack(d, {}, order::count).size();
  size += by_place(d, {.state = "chan", .match = "main"}, order::place).size();
  leak_answer answer;
  answer.note = "nobody asked.";
  answer.goroutines = d;
  answer.asked_collector = d.leak_profile;
  size += leaks_text(judge(answer, {}), 80).size();
  answer.asked_collector = true;
  size += leaks_json(judge(answer, {.more_than = 0}), "it").size();
  const dump_diff diff = compare(d, d, {});
  EXPECT_EQ(diff.grown, 0u);
  return size + diff_text(diff, {}, {}).size();
}

TEST(fuzz, malformed_dumps) {
  const std::string profile = samples::profile();
  const std::vector<std::string> all{std::string(samples::text),
                                     profile,
                                     samples::gzip(profile),
                                     std::string(samples::profile_text),
                                     std::string(samples::json),
                                     samples::gzip(samples::text),
                                     samples::profile("goroutineleak"),
                                     std::string(samples::unnamed_json)};
  const std::uint64_t first = number_from("TAUT_FUZZ_FIRST", 0);
  const std::uint64_t runs = number_from("TAUT_FUZZ_RUNS", 20'000);
  std::uint64_t dumps = 0, errors = 0;
  for (std::uint64_t run = first; run < first + runs; ++run) {
    mutator m(run);
    std::string text = all[run % all.size()];
    const std::size_t steps = 1 + m.below(6);
    for (std::size_t i = 0; i < steps; ++i) m.mutate(text, all);
    SCOPED_TRACE("TAUT_FUZZ_RUNS=1 TAUT_FUZZ_FIRST=" + std::to_string(run));
    try {
      const leak_answer answer = leaks_from_bytes(text, "it");
      if (answer.report.empty()) use(answer.goroutines);
      ++dumps;
    } catch (const user_error& e) {
      ASSERT_GT(std::string_view(e.what()).size(), 10u);
      ++errors;
    }
  }
  // Mutants that all fail, or none, would prove nothing.
  if (runs >= 1000) {
    EXPECT_GT(dumps, runs / 10);
    EXPECT_GT(errors, runs / 100);
  }
  std::printf("%llu dumps, %llu errors\n", static_cast<unsigned long long>(dumps),
              static_cast<unsigned long long>(errors));
}

TEST(fuzz, malformed_reports_and_urls) {
  const std::string report =
      R"({"goroutines": 9, "seconds": 0.012, "leaks": [{"grade": "proved", "count": 3, "waits_for":
          "chan send", "blocked": {"file": "a.cc", "line": 4, "function": "f"}, "goroutines": [4]}]})";
  const std::vector<std::string> all{report,
                                     "http://user:pw@[::1]:6060/debug/pprof/goroutine?debug=2#x"};
  for (std::uint64_t run = 0; run < number_from("TAUT_FUZZ_RUNS", 20'000); ++run) {
    mutator m(run);
    std::string text = all[run % 2];
    for (std::size_t i = 1 + m.below(4); i > 0; --i) m.mutate(text, all);
    SCOPED_TRACE("run " + std::to_string(run));
    try {
      if (run % 2 == 1) {
        EXPECT_TRUE(parse_url(text).target("goroutine", "").starts_with("/")) << text;
      } else if (is_leak_report(text)) {
        leaks_text(parse_leak_report(text, "it"), 80);
      }
    } catch (const user_error&) {
      continue;
    }
  }
}

}  // namespace
