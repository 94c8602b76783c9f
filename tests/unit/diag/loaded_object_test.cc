// SPDX-License-Identifier: Apache-2.0
#include "diag/loaded_object.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

#include "arch/sanitizer.h"
#include "diag/symbolize.h"

namespace taut::rt {
namespace {

int in_this_program;

std::uintptr_t address_of(const char* exported) {
  return reinterpret_cast<std::uintptr_t>(::dlsym(RTLD_DEFAULT, exported));
}

TEST(loaded_object, finds_the_library_and_the_symbol) {
  const std::uintptr_t at = address_of("gnu_get_libc_version");
  loaded_object libc;
  ASSERT_TRUE(loaded_object::find(at, libc));
  EXPECT_TRUE(libc.path().ends_with("/libc.so.6")) << libc.path();
  EXPECT_NE(libc.base(), 0u);
  const exported_symbol inside = libc.symbol_at(at + 3);
  EXPECT_EQ(inside.at, at);
  EXPECT_TRUE(inside.name.ends_with("gnu_get_libc_version")) << inside.name;
  EXPECT_EQ(libc.symbol_at(libc.base()).name, "");
}

TEST(loaded_object, is_none_outside_of_modules) {
  int on_the_stack = 0;
  loaded_object none;
  EXPECT_TRUE(loaded_object::holds(&in_this_program));
  EXPECT_FALSE(loaded_object::holds(&on_the_stack));
  EXPECT_FALSE(loaded_object::find(1, none));
}

// A server that is wedged in a library's constructor is the one that somebody wants to look into.
TEST(loaded_object, needs_no_lock_of_the_loaders) {
#if defined(TAUT_TSAN)
  GTEST_SKIP() << "the race detector itself stops at a fork of threads";
#endif
  const std::uintptr_t known = address_of("gnu_get_libc_version");  // looked up with the lock
  const auto look_while_the_lock_is_held = [known] {
    ::alarm(60);
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(3);
    ::setenv("TAUT_TEST_STUCK", std::to_string(ends[1]).c_str(), 1);
    std::thread([] { ::dlopen(TAUT_TEST_BINARY_DIR "/libtaut_test_stuck.so", RTLD_NOW); }).detach();
    char byte;
    if (::read(ends[0], &byte, 1) != 1) ::_exit(4);
    int on_the_stack = 0;
    const std::string name = symbolize(known + 4).front().function;
    ::_exit(name.find("gnu_get_libc_version") == name.npos                       ? 5
            : loaded_object::holds(&on_the_stack)                                ? 6
            : symbolize(reinterpret_cast<std::uintptr_t>(&on_the_stack)).empty() ? 7
                                                                                 : 0);
  };
  EXPECT_EXIT(look_while_the_lock_is_held(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace taut::rt
