// SPDX-License-Identifier: Apache-2.0
// What two dumps say about growth, and what one says about leaks.
#include <gtest/gtest.h>

#include "cli/diff.h"
#include "cli/leak_report.h"
#include "cli/parse.h"
#include "unit/cli/samples.h"

namespace {

using namespace taut::cli;

dump parsed(std::string_view bytes) { return parse_dump(bytes, "it"); }

// N goroutines at one place.
std::string crowd(int first, int n, const std::string& status, const std::string& place) {
  std::string text;
  for (int i = first; i < first + n; ++i)
    text += "goroutine " + std::to_string(i) + " [" + status + "]:\nmain.f()\n\t/src/" + place +
            " +0x1\ncreated by main.main in goroutine 1\n\t/src/a.go:1\n\n";
  return text;
}

leak_list judged(dump d, bool asked_collector, const leak_limits& limits) {
  leak_answer answer;
  answer.goroutines = std::move(d);
  answer.asked_collector = asked_collector;
  answer.note = "nobody asked.";
  return judge(answer, limits);
}

TEST(diff, a_tenth_is_wobble) {
  const diff_limits limits;
  EXPECT_FALSE(has_grown(1000, 1100, limits));
  EXPECT_TRUE(has_grown(1000, 1101, limits));
  EXPECT_FALSE(has_grown(5, 14, limits));
  EXPECT_TRUE(has_grown(5, 15, limits));
  EXPECT_TRUE(has_grown(0, 10, limits));
  EXPECT_FALSE(has_grown(10, 0, limits));
  EXPECT_TRUE(has_grown(100, 101, {.wobble = 0, .min_growth = 1}));
}

TEST(diff, by_blocked_place) {
  const dump before =
      parsed(crowd(10, 20, "select", "a.go:5") + crowd(100, 100, "IO wait", "a.go:7"));
  const dump after =
      parsed(crowd(10, 20, "select", "a.go:5") + crowd(100, 109, "IO wait", "a.go:7") +
             crowd(300, 50, "chan send", "a.go:9"));
  const dump_diff diff = compare(before, after, {});
  EXPECT_EQ(diff.before, 120u);
  EXPECT_EQ(diff.after, 179u);
  EXPECT_EQ(diff.grown, 1u);
  EXPECT_EQ(diff.growth, 50u);
  ASSERT_EQ(diff.places.size(), 3u);
  EXPECT_EQ(place_text(diff.places[0].blocked), "/src/a.go:9");
  EXPECT_EQ(diff.places[0].state, "chan send");
  EXPECT_FALSE(diff.places[1].grown);
  const std::string text = diff_text(diff, {}, {});
  EXPECT_NE(text.find("growth: 1 place grew"), std::string::npos) << text;
  EXPECT_EQ(compare(after, before, {}).grown, 0u);
}

TEST(diff, knows_a_place_in_every_format) {
  const dump text = parsed(crowd(10, 20, "chan send", "main.go:50"));
  dump profile = parsed(samples::profile());
  profile.stacks[profile.goroutines[0].stack].frames[2].function = "main.f";
  const dump_diff diff = compare(text, profile, {});
  EXPECT_EQ(diff.grown, 0u);
  EXPECT_EQ(diff.places.back().before, 20u);
  EXPECT_EQ(diff.places.back().after, 20u);
}

// One stuck program, as it told itself and as its memory tells.
TEST(diff, kinds_that_name_places_differently_are_comparable) {
  const auto blocked_in = [](const std::string& name, const std::string& folder) {
    std::string text;
    for (int i = 1; i <= 30; ++i)
      text += "goroutine " + std::to_string(i) + " [chan send]:\n" + name + "(...)\n\t" + folder +
              "leaky/order.cc:23\ncreated by order\n\t" + folder + "leaky/order.cc:44\n\n";
    return parsed(text);
  };
  const dump_diff same =
      compare(blocked_in("charge", "leaky_search/"),
              blocked_in("search::(anonymous namespace)::charge", "/src/leaky_search/"), {});
  EXPECT_EQ(same.grown, 0u);
  ASSERT_EQ(same.places.size(), 1u);
  EXPECT_EQ(same.places[0].before, 30u);
  EXPECT_EQ(same.places[0].after, 30u);
  // Files of one name in two folders are two.
  EXPECT_EQ(compare(blocked_in("f", "/src/a/"), blocked_in("g", "/src/b/"), {}).places.size(), 2u);
}

TEST(diff, those_without_a_stack_are_told_apart_by_state) {
  std::string text;
  for (int i = 1; i <= 40; ++i)
    text += "goroutine " + std::to_string(i) + (i <= 20 ? " [chan send]" : " [select]") +
            ":\n\tgoroutine running on other thread; stack unavailable\n\n";
  const dump_diff diff = compare(parsed(text), parsed(text), {});
  ASSERT_EQ(diff.places.size(), 2u);
  EXPECT_EQ(diff.places[0].before, 20u);
  EXPECT_NE(diff.places[0].state, diff.places[1].state);
  EXPECT_NE(diff_text(compare(dump(), parsed(text), {}), {}, {}).find("no stack"),
            std::string::npos);
}

TEST(diff, notes_that_the_number_doubled) {
  const dump_diff diff = compare(parsed(crowd(1, 20, "select", "a.go:5")),
                                 parsed(crowd(1, 40, "select", "a.go:5")), {});
  EXPECT_EQ(diff.notes.size(), 1u);
}

TEST(leaks, certain_from_any_dump) {
  const leak_list list = judged(
      parsed(crowd(10, 3, "chan receive (nil chan)", "a.go:5") +
             crowd(20, 1, "select (no cases)", "a.go:6") + crowd(30, 2, "chan send", "a.go:7")),
      false, {});
  EXPECT_EQ(list.proved, 4u);
  EXPECT_EQ(list.suspected, 0u);
  EXPECT_EQ(list.goroutines, 6u);
}

TEST(leaks, an_idle_main_is_none) {
  const leak_list list = judged(
      parsed("goroutine 1 [select (no cases), 9 minutes]:\nmain.main()\n\t/src/a.go:3 +0x1\n"),
      false, {});
  EXPECT_EQ(list.proved, 0u);
  EXPECT_EQ(list.notes.size(), 1u);
}

TEST(leaks, proved_by_the_collector) {
  const leak_list list = judged(
      parsed(crowd(10, 3, "chan send (leaked)", "a.go:5") + crowd(20, 4, "chan send", "a.go:5")),
      true, {});
  EXPECT_EQ(list.proved, 3u);
  ASSERT_EQ(list.groups.size(), 1u);
  EXPECT_EQ(list.groups[0].goroutines.size(), 3u);
}

TEST(leaks, many_and_long_are_suspected) {
  const auto suspected = [](const std::string& text) {
    const leak_list list = judged(parsed(text), false, {});
    EXPECT_EQ(list.proved, 0u);
    return list.suspected;
  };
  EXPECT_EQ(suspected(crowd(10, 50, "chan receive, 4 minutes", "a.go:5")), 0u);
  EXPECT_EQ(suspected(crowd(10, 51, "chan receive, 4 minutes", "a.go:5")), 51u);
  EXPECT_EQ(suspected(crowd(10, 51, "chan receive", "a.go:5")), 0u);
  // Of what waits for the outside world nothing is said.
  EXPECT_EQ(suspected(crowd(10, 500, "IO wait, 4 minutes", "a.go:5")), 0u);
  EXPECT_EQ(suspected(crowd(10, 500, "sleep, 4 minutes", "a.go:5")), 0u);
  // A lock is not held for minutes.
  EXPECT_EQ(suspected(crowd(10, 1, "sync.Mutex.Lock, 4 minutes", "a.go:5")), 1u);
  EXPECT_EQ(suspected(crowd(10, 1, "sync.Mutex.Lock", "a.go:5")), 0u);
}

TEST(leaks, of_a_profile_say_what_is_missing) {
  const leak_list list = judged(parsed(samples::profile()), false, {.more_than = 10});
  EXPECT_EQ(list.suspected, 20u);
  EXPECT_NE(list.groups.at(0).evidence.find("does not say for how long"), std::string::npos);
}

TEST(leaks, verdicts_of_taut_are_taken_as_they_are) {
  const leak_list list = judged(parsed(samples::json), false, {});
  EXPECT_EQ(list.proved, 2u);
  EXPECT_EQ(list.suspected, 1u);
  ASSERT_EQ(list.groups.size(), 2u);
  EXPECT_EQ(list.groups[0].cause, "R02");
  EXPECT_EQ(list.groups[0].longest, 2'500'000'000);
  EXPECT_EQ(list.goroutines, 4u);
  const std::string text = leaks_text(list, 100);
  EXPECT_NE(text.find("2 goroutines can never run again, 1 cause\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  cause R02    goroutine 7 left\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  channel      cap 0, made at a.cc:36 by goroutine 7\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("1 goroutine may never run again"), std::string::npos) << text;
}

TEST(leaks, a_report_of_taut_survives_the_way) {
  const std::string report =
      R"({"goroutines": 9, "proved": 3, "suspected": 0, "seconds": 0.012, "leaks": [{"grade": "proved",
          "count": 3, "waits_for": "chan send", "evidence": "no receiver can exist", "cause": "R02",
          "explanation": "it left", "fix": "cap 1", "object": "channel: cap 0",
          "blocked": {"file": "a.cc", "line": 4, "function": "f"}, "culprit": null,
          "created": {"file": "a.cc", "line": 2, "function": ""}, "longest_seconds": 130.0,
          "memory_bytes": 16384, "goroutines": [4, 5, 6]}]})";
  ASSERT_TRUE(is_leak_report(report));
  EXPECT_FALSE(is_leak_report(samples::json));
  const leak_list list = parse_leak_report(report, "it");
  EXPECT_EQ(list.proved, 3u);
  const std::string text = leaks_text(list, 100);
  EXPECT_NE(text.find("3 goroutines can never run again (16 KiB), 1 cause\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("3 \u00d7 chan send  for 2m10s"), std::string::npos) << text;
  EXPECT_NE(text.find("9 goroutines looked at in 12 ms\n"), std::string::npos) << text;
  ASSERT_TRUE(is_leak_report(leaks_json(list, "it")));
  EXPECT_EQ(parse_leak_report(leaks_json(list, "it"), "it").groups.at(0).memory, 16384u);
}

TEST(leaks, nobody_judged_is_not_nobody_leaks) {
  const leak_list unknown = judged(parsed(crowd(10, 3, "chan send", "a.go:5")), false, {});
  EXPECT_EQ(leaks_text(unknown, 100), "not judged: 3 goroutines looked at, but nobody asked.\n");
  const std::string json = leaks_json(unknown, "it");
  EXPECT_NE(json.find("\"judged\": false"), std::string::npos) << json;
  // What is suspected comes after it, and what is proved before.
  const leak_list crowded =
      judged(parsed(crowd(10, 60, "chan send, 9 minutes", "a.go:5")), false, {});
  EXPECT_TRUE(leaks_text(crowded, 100).starts_with("not judged: 60 goroutines"));
  EXPECT_NE(leaks_text(crowded, 100).find("60 goroutines may never"), std::string::npos);
  const leak_list nil = judged(parsed(crowd(10, 3, "chan send (nil chan)", "a.go:5")), false, {});
  EXPECT_TRUE(leaks_text(nil, 100).starts_with("3 goroutines can never run again"));
  EXPECT_NE(leaks_text(nil, 100).find("the others are not judged"), std::string::npos);
  const leak_list asked = judged(parsed(crowd(10, 3, "chan send", "a.go:5")), true, {});
  EXPECT_EQ(leaks_text(asked, 100), "no leaks found: 3 goroutines looked at\n");
}

TEST(leaks, an_objects_kind_is_its_label) {
  leak_list list = judged(parsed(crowd(10, 1, "select (no cases)", "a.go:5")), true, {});
  list.groups.at(0).object = "channel: cap 0";
  EXPECT_NE(leaks_text(list, 100).find("\n  channel      cap 0\n"), std::string::npos);
  list.groups.at(0).object = "receive on channel: cap 0; or send on channel: cap 1";
  EXPECT_NE(leaks_text(list, 100).find("\n  object       receive on channel: cap 0; or send"),
            std::string::npos);
}

TEST(leaks, text_fits_the_width) {
  leak_list list =
      judged(parsed(crowd(10, 3, "chan receive (nil chan)", std::string(200, 'd') + "/a.go:5")),
             false, {});
  for (const std::size_t width : {40u, 60u, 80u, 100u}) {
    std::string_view text;
    const std::string all = leaks_text(list, width);
    for (text = all; !text.empty();) {
      const std::string_view line = take_line(text);
      EXPECT_LE(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }),
                static_cast<long>(width))
          << line;
    }
  }
}

}  // namespace
