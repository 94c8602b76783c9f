// SPDX-License-Identifier: Apache-2.0
// debug=0, 1 and 3, packed and not.
#include "cli/parse.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/error.h"
#include "unit/cli/samples.h"

namespace {

using namespace taut::cli;

dump parsed(std::string_view bytes) { return parse_dump(bytes, "it"); }

void expect_profile(const dump& d) {
  EXPECT_EQ(d.total(), 21u);
  ASSERT_EQ(d.goroutines.size(), 2u);
  EXPECT_EQ(d.goroutines[0].state, "chan send");
  EXPECT_TRUE(d.goroutines[0].guessed_state);
  EXPECT_EQ(d.goroutines[0].labels.at(0).second, "acme");
  EXPECT_EQ(blocked_at(d.stacks[d.goroutines[0].stack])->function, "main.fetch");
  EXPECT_EQ(place_text(*blocked_at(d.stacks[d.goroutines[0].stack])), "/src/main.go:50");
  EXPECT_EQ(d.goroutines[1].state, "sleep");
}

TEST(parse_profile, packed_and_not) {
  expect_profile(parsed(samples::profile()));
  expect_profile(parsed(samples::gzip(samples::profile())));
  EXPECT_FALSE(parsed(samples::profile()).leak_profile);
}

TEST(parse_profile, of_leaks) {
  const dump d = parsed(samples::gzip(samples::profile("goroutineleak")));
  EXPECT_TRUE(d.leak_profile);
  EXPECT_TRUE(d.goroutines[0].leaked);
}

TEST(parse_profile, of_something_else_is_refused) {
  EXPECT_THROW(parsed(samples::gzip(samples::profile("cpu"))), user_error);
}

TEST(parse_gzip, cut_or_damaged) {
  std::string packed = samples::gzip(samples::profile());
  EXPECT_THROW(parsed(std::string_view(packed).substr(0, packed.size() / 2)), user_error);
  EXPECT_THROW(parsed(std::string_view(packed).substr(0, 2)), user_error);
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x55);
  EXPECT_THROW(parsed(packed), user_error);
  EXPECT_THROW(parsed(samples::gzip("")), user_error);
}

TEST(parse_gzip, holds_text_too) {
  EXPECT_EQ(parsed(samples::gzip(samples::text)).goroutines.size(), 3u);
  // As log rotation leaves it.
  const std::string two = samples::gzip("first\n") + samples::gzip(samples::text);
  EXPECT_EQ(parsed(two).goroutines.size(), 3u);
}

TEST(parse_profile_text, counts_labels_and_states_from_the_stack) {
  const dump d = parsed(samples::profile_text);
  EXPECT_EQ(d.total(), 23u);
  ASSERT_EQ(d.goroutines.size(), 2u);
  EXPECT_FALSE(d.truncated);
  EXPECT_EQ(d.goroutines[0].labels.at(0), (std::pair<std::string, std::string>("id", "a b")));
  EXPECT_EQ(d.goroutines[0].state, "");
  EXPECT_EQ(d.goroutines[1].state, "sync.Mutex.Lock");
  EXPECT_EQ(place_text(d.stacks[0].frames.at(0)), "/src/main.go:50");
  EXPECT_EQ(d.stacks[0].frames.at(0).function, "main.fetch");
}

TEST(parse_profile_text, cut) {
  EXPECT_TRUE(parsed(samples::profile_text.substr(0, samples::profile_text.size() / 2)).truncated);
}

TEST(parse_json, of_taut) {
  const dump d = parsed(samples::json);
  ASSERT_EQ(d.goroutines.size(), 4u);
  EXPECT_TRUE(d.judged);
  EXPECT_EQ(d.existing, 4u);
  const goroutine& g = d.goroutines[1];
  EXPECT_EQ(g.state, "chan send");
  EXPECT_EQ(g.waited, 2'500'000'000);
  EXPECT_EQ(g.parent, 1u);
  EXPECT_EQ(g.labels.at(0).second, "acme");
  EXPECT_EQ(d.object_of(g), "channel: cap 0, made at a.cc:36 by goroutine 7");
  EXPECT_EQ(d.object_of(d.goroutines[3]), "mutex: held by goroutine 8 since a.cc:70");
  EXPECT_EQ(blocked_at(d.stacks[g.stack])->function, "fetch");
  EXPECT_TRUE(d.goroutines[2].locked);
  // Verdicts that differ in the goroutine they name only are one.
  EXPECT_EQ(d.verdicts.size(), 2u);
  EXPECT_EQ(d.verdicts[0].explanation, "goroutine 7 left");
}

TEST(parse_json, of_other_things_is_refused) {
  for (const char* other : {"{}", "{\"a\": [1, 2]}", "{\"goroutines\": 3}", "{\"goroutines\": [",
                            "{\"goroutines\": [{\"id\":"}) {
    EXPECT_THROW(parsed(other), user_error) << other;
  }
  const std::string deep = "{\"goroutines\": " + std::string(100'000, '[');
  EXPECT_THROW(parsed(deep), user_error);
  const std::string whole =
      "{\"goroutines\": " + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_EQ(parsed(whole).goroutines.size(), 0u);
}

TEST(parse_json, members_of_wrong_types_read_as_nothing) {
  const dump d = parsed(
      R"({"goroutines": [{"id": "x", "state": 5, "wait_ns": -3, "frames": {"a": 1}, "labels": []},
          {"id": -1, "frames": [7, null, {"line": 1.5}], "created": "z", "count": -4}]})");
  ASSERT_EQ(d.goroutines.size(), 2u);
  EXPECT_EQ(d.total(), 2u);
  EXPECT_EQ(d.goroutines[0].waited, -1);
}

}  // namespace
