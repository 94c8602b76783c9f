// SPDX-License-Identifier: Apache-2.0
// What a process says that gets a fatal signal, and that it dies of it all the same.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <regex>
#include <string>

#include "programs/child.h"

namespace {

using taut::test::after_first_paragraph;
using taut::test::ending;
using taut::test::expect_grammar;

ending crash(const char* how) {
  ending e = taut::test::run("crash", how);
  e.text = std::regex_replace(e.text, std::regex("0x[0-9a-f]+"), "0x?");
  e.text = std::regex_replace(e.text, std::regex(" m=[0-9]+"), " m=N");
  return e;
}

void expect_death(const ending& e, int signal) {
  EXPECT_TRUE(WIFSIGNALED(e.status) && WTERMSIG(e.status) == signal) << e.status << e.text;
}

// The goroutine that got the signal comes first, and its first frames are the places given.
void expect_report(const ending& e, const std::string& head, const std::string& frames) {
  EXPECT_TRUE(e.text.starts_with(head + "\n\ngoroutine N [running] {name: reader}:\n" + frames))
      << e.text;
  EXPECT_NE(e.text.find("\n\ngoroutine N [chan receive] {name: main}:\n"), std::string::npos)
      << e.text;
  expect_grammar(after_first_paragraph(e.text));
}

TEST(crash, null_pointer) {
  const ending e = crash("null");
  expect_report(e, "SIGSEGV: segmentation violation\nPC=0x? m=N sigcode=1 addr=0x?",
                "(anonymous namespace)::read_from(...)\n\tcrash.cc:20\n"
                "(anonymous namespace)::crash(...)\n\tcrash.cc:");
  EXPECT_NE(e.text.find("created by main::{lambda} in goroutine N\n\tcrash.cc:"), std::string::npos)
      << e.text;
  expect_death(e, SIGSEGV);
}

TEST(crash, division) {
#if defined(__aarch64__)
  GTEST_SKIP() << "aarch64 divides by zero without a trap";
#endif
  const ending e = crash("divide");
  expect_report(e, "SIGFPE: floating-point exception\nPC=0x? m=N sigcode=1 addr=0x?",
                "(anonymous namespace)::divide(...)\n\tcrash.cc:24\n");
  expect_death(e, SIGFPE);
}

TEST(crash, abort) {
  const ending e = crash("abort");
  EXPECT_TRUE(
      e.text.starts_with("SIGABRT: abort\nPC=0x? m=N sigcode=-6\n\ngoroutine N [running] "
                         "{name: reader}:\n"))
      << e.text;
  EXPECT_NE(e.text.find("crash(...)\n\tcrash.cc:"), std::string::npos);
  expect_grammar(after_first_paragraph(e.text));
  expect_death(e, SIGABRT);
}

TEST(crash, sent_by_somebody) {
  const ending e = crash("sent");
  EXPECT_TRUE(e.text.starts_with("SIGBUS: bus error\nPC=0x? m=N sigcode=-6\n\n")) << e.text;
  expect_death(e, SIGBUS);
}

TEST(crash, thread_that_is_no_goroutine) {
  const ending e = crash("thread");
  EXPECT_TRUE(
      e.text.starts_with("SIGABRT: abort\nPC=0x? m=-1 sigcode=-6\n\n"
                         "goroutine N [running, locked to thread]:\n"))
      << e.text;
  EXPECT_NE(e.text.find("crash.cc:49\n"), std::string::npos) << e.text;
  EXPECT_NE(e.text.find(" {name: main}:\n"), std::string::npos) << e.text;
  expect_death(e, SIGABRT);
}

// Who names functions gets stuck: the report comes all the same, with addresses.
TEST(crash, with_the_loader_locked) {
  const ending e = crash("loader");
  EXPECT_TRUE(e.text.starts_with("SIGABRT: abort\n")) << e.text;
  const std::string said =
      "taut: the names of functions cannot be had; give these to addr2line\n\n";
  const std::size_t at = e.text.find(said);
  ASSERT_NE(at, std::string::npos) << e.text;
  const std::string dump = e.text.substr(at + said.size());
  EXPECT_TRUE(dump.starts_with("goroutine N [running] {name: \"reader\"}:\n")) << dump;
  EXPECT_NE(dump.find("\ncrash+0x?(...)\n\t?:0\n"), std::string::npos) << dump;
  EXPECT_NE(dump.find("created by main::{lambda} in goroutine N\n\tcrash.cc:"), std::string::npos)
      << dump;
  EXPECT_NE(dump.find("] {name: \"main\"}:\n"), std::string::npos) << dump;
  expect_death(e, SIGABRT);
}

// Who sleeps in a call is not disturbed, and its stack is there.
TEST(crash, shows_who_is_in_a_call) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "its read() cannot be walked through";
#endif
  const ending e = crash("blocking");
  const std::size_t at = e.text.find("\n\ngoroutine N [syscall] {name: sleeper}:\n");
  ASSERT_NE(at, std::string::npos) << e.text;
  EXPECT_LT(e.text.find("wait_in_a_call(...)\n\tcrash.cc:", at), e.text.find("\n\n", at + 2))
      << e.text;
  expect_death(e, SIGSEGV);
}

TEST(crash, switched_off) {
  const ending e = crash("off");
  EXPECT_EQ(e.text, "");
  expect_death(e, SIGSEGV);
}

TEST(crash, the_programs_own_handler_is_left_in_charge) {
  const ending e = crash("own");
  EXPECT_EQ(e.text, "");
  EXPECT_EQ(WEXITSTATUS(e.status), 42);
}

}  // namespace
