// SPDX-License-Identifier: Apache-2.0
#include "taut/detail/site.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>
#include <thread>
#include <vector>

namespace taut::detail {
namespace {

site captured(site where = site::here()) { return where; }
site passed_on(site where = site::here()) { return captured(where); }
template <class T>
site in_template(const T&) {
  return captured();
}

TEST(site, is_the_place_of_the_call) {
  const site at = captured();
  EXPECT_EQ(at->line, __LINE__ - 1u);
  EXPECT_STREQ(at->file, __FILE__);
  const site outer = passed_on();
  EXPECT_EQ(outer->line, __LINE__ - 1u);
  EXPECT_EQ(in_template(1)->line, in_template('c')->line);
  EXPECT_FALSE(at.is_system());
  EXPECT_FALSE(site().is_system());
  EXPECT_FALSE(site());
}

TEST(site, of_one_call_is_always_the_same) {
  std::set<const void*> seen;
  for (int i = 0; i < 3; ++i) seen.insert(captured().data);
  EXPECT_EQ(seen.size(), 1u);
}

TEST(site, is_not_where_a_system_header_calls) {
  EXPECT_TRUE(site::here("/usr/include/c++/12/mutex", {}).is_system());
  EXPECT_TRUE(is_system_file("/usr/lib/llvm/include/mutex"));
  EXPECT_FALSE(is_system_file("/usr/src/app.cc"));
}

// What compilers without the builtin use.
TEST(site, interns_each_place_once) {
  static const char file[] = "some.cc", other[] = "other.cc";
  std::vector<std::set<const site_data*>> found(4);
  std::vector<std::thread> threads;
  for (auto& mine : found) {
    threads.emplace_back([&mine] {
      for (std::uint32_t line = 1; line <= 3000; ++line) {
        mine.insert(intern_site(file, line));
        mine.insert(intern_site(other, line));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(found[0].size(), 6000u);
  for (const auto& each : found) EXPECT_EQ(each, found[0]);
  const site_data* one = intern_site(file, 17);
  EXPECT_EQ(one->file, file);
  EXPECT_EQ(one->line, 17u);
}

}  // namespace
}  // namespace taut::detail
