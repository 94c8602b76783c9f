// SPDX-License-Identifier: Apache-2.0
// What a dying process says, compared after numbers that differ from run to run are replaced.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <string>

#include "programs/child.h"

namespace {

using taut::test::after_first_paragraph;
using taut::test::ending;
using taut::test::expect_grammar;
using taut::test::run;

TEST(dying, deadlock_is_named_and_dumped) {
  const ending e = run("deadlock");
  EXPECT_TRUE(e.text.starts_with(
      "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine N [chan receive]"))
      << e.text;
  EXPECT_NE(e.text.find("[chan receive] {name: helper}:\n"), std::string::npos) << e.text;
  EXPECT_NE(e.text.find("created by main::{lambda} in goroutine N\n\tdeadlock.cc:10\n"),
            std::string::npos)
      << e.text;
  expect_grammar(after_first_paragraph(e.text));
  EXPECT_EQ(WEXITSTATUS(e.status), 2);
}

TEST(dying, goexit_of_the_first_goroutine) {
  const ending e = run("main_goexit");
  EXPECT_EQ(
      e.text.rfind("fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n", 0), 0u)
      << e.text;
  EXPECT_EQ(WEXITSTATUS(e.status), 2);
}

TEST(dying, escaped_exception_shows_the_thrower_first) {
  const ending e = run("escaped_exception");
  EXPECT_TRUE(e.text.starts_with("panic: bad input\n\ngoroutine N [running]:\n")) << e.text;
  EXPECT_NE(e.text.find("parse(...)\n\tescaped_exception.cc:13\n"), std::string::npos) << e.text;
  EXPECT_NE(e.text.find("goroutine N [chan receive] {name: main}:\n"), std::string::npos) << e.text;
  expect_grammar(after_first_paragraph(e.text));
  EXPECT_TRUE(WIFSIGNALED(e.status) && WTERMSIG(e.status) == SIGABRT) << e.status;
}

TEST(dying, quit_dumps) {
  const ending e = run("quit");
  EXPECT_TRUE(e.text.starts_with("SIGQUIT: quit\n\ngoroutine N [")) << e.text;
  EXPECT_NE(e.text.find(" {name: main, request: \"a b\"}:\n"), std::string::npos) << e.text;
  expect_grammar(after_first_paragraph(e.text));
  EXPECT_EQ(WEXITSTATUS(e.status), 2);
}

TEST(dying, stack_overflow_is_named) {
  const ending e = run("stack_overflow");
  EXPECT_NE(e.text.find("fatal error: stack overflow"), std::string::npos) << e.text;
  EXPECT_NE(e.text.find("(digger) used all 65536 bytes"), std::string::npos) << e.text;
  const std::size_t dump = e.text.find(
      "\n\ngoroutine N [running] {name: digger}:\n(anonymous namespace)::deeper(...)\n");
  ASSERT_NE(dump, std::string::npos) << e.text;
  EXPECT_NE(e.text.find(" frames elided...\n", dump), std::string::npos) << e.text;
  EXPECT_TRUE(WIFSIGNALED(e.status)) << e.status;
}

}  // namespace
