// SPDX-License-Identifier: Apache-2.0
// Runs a program that dies, and keeps what it says, after numbers that differ from run to run are
// replaced.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <regex>
#include <string>

namespace taut::test {

struct ending {
  std::string text;  // stderr, normalised
  int status = 0;
};

inline ending run(const std::string& program, const char* argument = nullptr) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    ::close(ends[1]);
    ::alarm(60);
    const std::string path = std::string(TAUT_TEST_BINARY_DIR) + "/programs/" + program;
    ::execl(path.c_str(), path.c_str(), argument, nullptr);
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
inline void expect_grammar(const std::string& dump) {
  static const std::regex whole(
      R"((goroutine N \[[^\]\n]+\]( \{[^\n]*\})?:\n(([^\t\n]+\(\.\.\.\)\n\t[^\n]+:\d+\n)+|\tgoroutine running on other thread; stack unavailable\n)(created by [^\n]+?( in goroutine N)?\n\t[^\n]+:\d+\n)?\n?)+)");
  EXPECT_TRUE(std::regex_match(dump, whole)) << dump;
}

inline std::string after_first_paragraph(const std::string& text) {
  const std::size_t at = text.find("\n\n");
  return at == text.npos ? std::string() : text.substr(at + 2);
}

}  // namespace taut::test
