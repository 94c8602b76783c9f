// SPDX-License-Identifier: Apache-2.0
// What a dying process says, compared after numbers that differ from run to run are replaced.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <regex>
#include <string>

namespace {

struct ending {
  std::string text;  // stderr, normalised
  int status = 0;
};

ending run(const std::string& program) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    ::close(ends[1]);
    ::alarm(60);
    const std::string path = std::string(TAUT_TEST_BINARY_DIR) + "/programs/" + program;
    ::execl(path.c_str(), path.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  ending e;
  char piece[4096];
  for (ssize_t n; (n = ::read(ends[0], piece, sizeof piece)) > 0;)
    e.text.append(piece, static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(child, &e.status, 0);
  e.text = std::regex_replace(e.text, std::regex(R"( \+0x[0-9a-f]+)"), "");
  e.text = std::regex_replace(e.text, std::regex(R"((goroutine )[0-9]+)"), "$1N");
  e.text = std::regex_replace(e.text, std::regex(R"(\t\S*/([^/\s]+:[0-9]+))"), "\t$1");
  return e;
}

// The blocks of the dump, each a goroutine, must have Go's grammar.
void expect_grammar(const std::string& dump) {
  static const std::regex whole(
      R"((goroutine N \[[^\]\n]+\]( \{[^\n]*\})?:\n(([^\t\n]+\(\.\.\.\)\n\t[^\n]+:\d+\n)+|\tgoroutine running on other thread; stack unavailable\n)(created by \S+( in goroutine N)?\n\t[^\n]+:\d+\n)?\n?)+)");
  EXPECT_TRUE(std::regex_match(dump, whole)) << dump;
}

std::string after_first_paragraph(const std::string& text) {
  const std::size_t at = text.find("\n\n");
  return at == text.npos ? std::string() : text.substr(at + 2);
}

TEST(dying, deadlock_is_named_and_dumped) {
  const ending e = run("deadlock");
  EXPECT_TRUE(e.text.starts_with(
      "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine N [chan receive]"))
      << e.text;
  EXPECT_NE(e.text.find("[chan receive] {name: helper}:\n"), std::string::npos) << e.text;
  EXPECT_NE(e.text.find("created by deadlock in goroutine N\n\tdeadlock.cc:10\n"),
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
  EXPECT_NE(e.text.find("parse(...)\n\tescaped_exception.cc:11\n"), std::string::npos) << e.text;
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
  EXPECT_TRUE(WIFSIGNALED(e.status)) << e.status;
}

}  // namespace
