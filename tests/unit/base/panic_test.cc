// SPDX-License-Identifier: Apache-2.0
#include "taut/panic.h"

#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace taut {
namespace {

TEST(panic, is_a_logic_error_with_a_text) {
  try {
    throw panic(std::string("close of closed channel"));
  } catch (const std::logic_error& e) {
    EXPECT_STREQ(e.what(), "close of closed channel");
  }
  EXPECT_TRUE((std::is_constructible_v<panic, const char*>));
}

TEST(canceled, is_not_for_handlers_of_errors) {
  EXPECT_FALSE((std::is_base_of_v<std::exception, canceled>));
  bool passed = false;
  try {
    try {
      throw canceled();
    } catch (const std::exception&) {
      ADD_FAILURE() << "swallowed";
    }
  } catch (const canceled&) {
    passed = true;
  }
  EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace taut
