// SPDX-License-Identifier: Apache-2.0
// Runs every program of the corpus and compares its report with the comment at its top, in both
// directions: what was missed, and what was reported without being there.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace {

using expectations = std::multiset<std::string>;

// What the lines of the top comment that begin with `key` say.
expectations expected_of(const std::filesystem::path& source,
                         const std::string& key = "// leak: ") {
  expectations expected;
  std::ifstream file(source);
  for (std::string line; std::getline(file, line) && line.starts_with("//");) {
    if (line.starts_with(key)) expected.insert(line.substr(key.size()));
  }
  return expected;
}

std::string output_of(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 4096> piece;
  while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe.get()))
    text.append(piece.data(), n);
  return text;
}

std::vector<std::string> programs() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TAUT_TEST_SOURCE_DIR "/leaks")) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() == ".cc" && !stem.ends_with("_test")) names.push_back(stem);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class corpus : public testing::TestWithParam<std::string> {};

TEST_P(corpus, is_reported_exactly) {
  const expectations expected = expected_of(TAUT_TEST_SOURCE_DIR "/leaks/" + GetParam() + ".cc");
  const expectations wanted_culprits =
      expected_of(TAUT_TEST_SOURCE_DIR "/leaks/" + GetParam() + ".cc", "// culprit: ");
  for (const char* workers : {"1", "2", "4"}) {
    const std::string text =
        output_of(std::string("TAUT_WORKERS=") + workers + " timeout 60 " +
                  TAUT_TEST_BINARY_DIR "/leaks/" + GetParam() + " 2>/dev/null");
    const auto report = nlohmann::json::parse(text, nullptr, false);
    ASSERT_FALSE(report.is_discarded()) << "on " << workers << " workers it printed: " << text;
    expectations found, culprits;
    for (const auto& leak : report["leaks"]) {
      const std::filesystem::path file = leak["culprit"]["file"].get<std::string>();
      culprits.insert(file.filename().string() + ":" +
                      std::to_string(leak["culprit"]["line"].get<int>()));
      found.insert(leak["grade"].get<std::string>() + " " + leak["cause"].get<std::string>() + " " +
                   leak["waits_for"].get<std::string>());
      EXPECT_FALSE(leak["fix"].get<std::string>().empty());
      EXPECT_EQ(leak["explanation"].get<std::string>().find('{'), std::string::npos)
          << leak["explanation"];
      EXPECT_NE(leak["blocked"]["file"].get<std::string>().find(GetParam()), std::string::npos)
          << leak["blocked"];
      EXPECT_NE(leak["culprit"]["line"].get<int>(), 0) << leak;
    }
    // A proof is exact. A suspicion rests on words found on stacks: one left over from earlier may
    // hide it, and then silence is right. Nothing else may be said.
    for (const std::string& perhaps : expected) {
      if (perhaps.starts_with("suspected ") && found.count(perhaps) < expected.count(perhaps))
        found.insert(perhaps);
    }
    EXPECT_EQ(found, expected) << "on " << workers << " workers: " << text;
    if (!wanted_culprits.empty()) {
      EXPECT_EQ(culprits, wanted_culprits) << text;
    }
  }
}

// One suspicion may be hidden by a stale word; most must be seen, or the accounting of handles has
// stopped working.
TEST(suspicions, most_are_found) {
  std::size_t wanted = 0, seen = 0;
  for (const std::string& name : programs()) {
    const expectations expected = expected_of(TAUT_TEST_SOURCE_DIR "/leaks/" + name + ".cc");
    std::size_t here = 0;
    for (const std::string& e : expected) here += e.starts_with("suspected ");
    if (here == 0) continue;
    wanted += here;
    const auto report = nlohmann::json::parse(
        output_of("TAUT_WORKERS=2 timeout 60 " TAUT_TEST_BINARY_DIR "/leaks/" + name +
                  " 2>/dev/null"),
        nullptr, false);
    ASSERT_FALSE(report.is_discarded()) << name;
    std::size_t found = 0;
    for (const auto& leak : report["leaks"]) found += leak["grade"] == "suspected";
    seen += std::min(found, here);
  }
  EXPECT_GT(wanted, 0u);
  EXPECT_GT(seen * 2, wanted) << seen << " of " << wanted;
}

INSTANTIATE_TEST_SUITE_P(every, corpus, testing::ValuesIn(programs()),
                         [](const auto& one) { return one.param; });

}  // namespace
