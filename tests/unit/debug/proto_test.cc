// SPDX-License-Identifier: Apache-2.0
// What is written is what pprof reads: decoded by protozero, with pprof's own checks.
#include "debug/proto.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "debug/mappings.h"
#include "decoded.h"

// A text hides the runtime's own frames at both ends, so the frame is of no namespace of taut.
void shown_frame() { std::abort(); }

namespace taut::rt {
namespace {

using namespace std::string_view_literals;
using test::decode;
using test::decoded_profile;

class string_sink final : public text_sink {
 public:
  void write(std::string_view piece) override { text += piece; }
  std::string text;
};

std::uintptr_t here() { return reinterpret_cast<std::uintptr_t>(&shown_frame) + 1; }

decoded_profile round_trip(stack_profile& p) {
  string_sink to;
  write_count_profile(p, 0, to);
  return decode(to.text);
}

TEST(proto, has_the_fields_that_go_sets) {
  stack_profile p{"goroutine"};
  p.time_nanos = 1'700'000'000'000'000'000;
  const std::uintptr_t stack[] = {here()};
  const std::int64_t three = 3;
  p.add(stack, "id\0a b\0tenant\0acme\0"sv, {&three, 1});
  const decoded_profile d = round_trip(p);
  const std::pair<std::string, std::string> type("goroutine", "count");
  EXPECT_EQ(d.types, std::vector{type});
  EXPECT_EQ(d.period_type, type);
  EXPECT_EQ(d.period, 1);
  EXPECT_EQ(d.time_nanos, p.time_nanos);
  EXPECT_EQ(d.duration_nanos, 0);
  ASSERT_EQ(d.samples.size(), 1u);
  EXPECT_EQ(d.samples[0].values, std::vector{three});
  EXPECT_EQ(d.samples[0].labels,
            (std::map<std::string, std::string>{{"id", "a b"}, {"tenant", "acme"}}));
  // The order of the wire.
  EXPECT_EQ(d.order, (std::vector{11, 12, 1, 4, 5, 2, 9, 3, 6}));
}

TEST(proto, names_functions_twice) {
  stack_profile p{"goroutine"};
  const std::uintptr_t stack[] = {here()};
  const std::int64_t one = 1;
  p.add(stack, {}, {&one, 1});
  const decoded_profile d = round_trip(p);
  ASSERT_EQ(d.samples[0].locations.size(), 1u);
  const auto& location = d.locations.at(d.samples[0].locations[0]);
  EXPECT_EQ(location.address, stack[0] - 1);
  const auto& function = d.functions.at(location.lines.back().first);
  EXPECT_TRUE(function.system_name.starts_with("_Z")) << function.system_name;
  EXPECT_NE(function.name, function.system_name);
  EXPECT_TRUE(function.file.ends_with("tests/unit/debug/proto_test.cc")) << function.file;
  const auto& mapping = d.mappings.at(location.mapping);
  EXPECT_TRUE(mapping.has_functions);
  EXPECT_LE(mapping.start, location.address);
  EXPECT_GT(mapping.limit, location.address);
  EXPECT_EQ(mapping.file, std::filesystem::read_symlink("/proc/self/exe"));
}

// An address that nobody knows leaves its mapping to pprof; a stack that is empty still counts.
TEST(proto, writes_what_has_no_name) {
  stack_profile p{"goroutine"};
  const std::uintptr_t unknown[] = {0x1235};
  const std::int64_t one = 1;
  p.add(unknown, {}, {&one, 1});
  p.add({}, {}, {&one, 1});
  const decoded_profile d = round_trip(p);
  EXPECT_EQ(d.total(), 2);
  ASSERT_EQ(d.locations.size(), 1u);
  EXPECT_EQ(d.locations.begin()->second.address, 0x1234u);
  EXPECT_EQ(d.locations.begin()->second.mapping, 0u);
  EXPECT_TRUE(d.locations.begin()->second.lines.empty());
}

// What the linker made has no name, among functions that have: pprof need not look up any.
TEST(proto, calls_what_has_no_name_by_its_offset) {
  stack_profile p{"goroutine"};
  std::uintptr_t padding = 0;  // behind the last function of the program
  for (const code_mapping& m : code_mappings()) {
    if (m.start <= here() && here() < m.limit) padding = m.limit - 8;
  }
  ASSERT_NE(padding, 0u);
  const std::uintptr_t stack[] = {padding, here()};
  const std::int64_t one = 1;
  p.add(stack, {}, {&one, 1});
  const decoded_profile d = round_trip(p);
  const auto& unnamed = d.locations.at(d.samples[0].locations[0]);
  EXPECT_TRUE(d.mappings.at(unnamed.mapping).has_functions);
  ASSERT_EQ(unnamed.lines.size(), 1u);
  EXPECT_TRUE(d.functions.at(unnamed.lines[0].first).name.starts_with("taut_unit_debug+0x"));
}

// Then pprof looks for names itself, in the file of that build.
TEST(proto, leaves_all_names_to_pprof_if_told) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        setenv("TAUT_SYMBOLIZE", "0", 1);
        stack_profile p{"goroutine"};
        const std::uintptr_t stack[] = {here()};
        const std::int64_t one = 1;
        p.add(stack, {}, {&one, 1});
        const decoded_profile d = round_trip(p);
        const auto& location = d.locations.at(d.samples[0].locations[0]);
        const auto& mapping = d.mappings.at(location.mapping);
        const bool right = location.lines.empty() && location.address == stack[0] - 1 &&
                           mapping.start <= location.address && location.address < mapping.limit &&
                           !mapping.has_functions && !mapping.build_id.empty() &&
                           mapping.file == std::filesystem::read_symlink("/proc/self/exe");
        std::exit(right ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(proto, keeps_many_values) {
  stack_profile p("block", {{"contentions", "count"}, {"delay", "nanoseconds"}},
                  {"contentions", "count"}, 1);
  const std::uintptr_t stack[] = {here()};
  const std::int64_t values[] = {2, -5'000'000'000};
  p.add(stack, {}, values);
  const decoded_profile d = round_trip(p);
  ASSERT_EQ(d.types.size(), 2u);
  EXPECT_EQ(d.types[1].second, "nanoseconds");
  EXPECT_EQ(d.samples[0].values, (std::vector<std::int64_t>{2, -5'000'000'000}));
}

TEST(proto, text_has_the_legacy_form) {
  stack_profile p{"goroutine"};
  const std::uintptr_t stack[] = {here(), 0x1235};
  const std::int64_t two = 2;
  p.add(stack, "k\0v\0"sv, {&two, 1});
  string_sink to;
  write_count_profile(p, 1, to);
  std::string expected = "goroutine profile: total 2\n2 @ ";
  char text[64];
  std::snprintf(text, sizeof text, "%#zx 0x1235", stack[0]);
  expected += text;
  expected += "\n# labels: {\"k\":\"v\"}\n#\t";
  std::snprintf(text, sizeof text, "%#zx", stack[0] - 1);
  expected += text;
  ASSERT_TRUE(to.text.starts_with(expected)) << to.text;
  // A frame without a name is its address only.
  EXPECT_TRUE(to.text.ends_with("\n#\t0x1234\n\n")) << to.text;
}

TEST(mappings, are_the_executable_ones) {
  const auto found = parse_maps(
      "00400000-00401000 r--p 00000000 08:01 77 /usr/bin/a b (deleted)\n"
      "00401000-00402000 r-xp 00001000 08:01 77 /usr/bin/a b (deleted)\n"
      "7f0000000000-7f0000001000 rwxp 00000000 00:00 0 \n"
      "7fff00000000-7fff00002000 r-xp 00000000 00:00 0 [vdso]\n"
      "nonsense\n",
      false);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].start, 0x401000u);
  EXPECT_EQ(found[0].limit, 0x402000u);
  EXPECT_EQ(found[0].offset, 0x1000u);
  EXPECT_EQ(found[0].file, "/usr/bin/a b");
  EXPECT_EQ(found[1].file, "[vdso]");
}

TEST(mappings, know_build_ids) {
  const auto found = code_mappings();
  const auto libc = std::ranges::find_if(
      found, [](const code_mapping& m) { return m.file.find("libc.so") != m.file.npos; });
  ASSERT_NE(libc, found.end());
  EXPECT_EQ(libc->build_id.size(), 40u);
  EXPECT_EQ(libc->build_id.find_first_not_of("0123456789abcdef"), std::string::npos);
}

}  // namespace
}  // namespace taut::rt
