// SPDX-License-Identifier: Apache-2.0
#include "taut/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace taut {
namespace {

// What the reference page shows.
result<int> parse(const std::string& text) {
  if (text.empty()) return errc::bad_address;
  return std::stoi(text);
}

TEST(result, holds_a_value_or_an_error) {
  result<int> good = parse("42");
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 42);
  EXPECT_EQ(good.value(), 42);
  EXPECT_FALSE(good.error());

  result<int> bad = parse("");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error(), errc::bad_address);
  EXPECT_EQ(bad.value_or(7), 7);
  EXPECT_THROW((void)bad.value(), std::system_error);
}

TEST(result, may_hold_what_only_moves) {
  result<std::unique_ptr<int>> r = std::make_unique<int>(1);
  std::unique_ptr<int> taken = *std::move(r);
  EXPECT_EQ(*taken, 1);
}

TEST(result, void_is_success_or_an_error) {
  EXPECT_TRUE(result<void>());
  const result<void> bad = errc::closed;
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error(), errc::closed);
  EXPECT_THROW(bad.value(), std::system_error);
}

TEST(error, compares_with_the_standard_conditions) {
  EXPECT_STREQ(error_category().name(), "taut");
  EXPECT_EQ(make_error_code(errc::canceled).message(), "context canceled");
  EXPECT_EQ(make_error_code(errc::deadline_exceeded).message(), "context deadline exceeded");
  EXPECT_TRUE(make_error_code(errc::canceled) == std::errc::operation_canceled);
  EXPECT_TRUE(make_error_code(errc::deadline_exceeded) == std::errc::timed_out);
  EXPECT_TRUE(make_error_code(errc::would_block) == std::errc::operation_would_block);
  EXPECT_NE(make_error_code(errc::closed).message(), "");
}

}  // namespace
}  // namespace taut
