// SPDX-License-Identifier: Apache-2.0
// Go's own tool reads what a live program serves. Skipped, with a message, only where go is absent.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "unit/debug/http_client.h"

namespace {

std::string output_of(const std::string& command, int* status = nullptr) {
  std::FILE* from = ::popen((command + " 2>&1").c_str(), "r");
  std::string text;
  char some[4096];
  for (std::size_t n; (n = std::fread(some, 1, sizeof some, from)) > 0;) text.append(some, n);
  const int ended = ::pclose(from);
  if (status != nullptr) *status = ended;
  return text;
}

// A program of this folder, for as long as this lives.
class service {
 public:
  explicit service(const std::string& program = "debug_serve") {
    int in[2], out[2];
    EXPECT_EQ(::pipe2(in, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      const std::string path = std::string(TAUT_TEST_BINARY_DIR) + "/programs/" + program;
      ::execl(path.c_str(), path.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    stdin_ = in[1];
    for (char c; ::read(out[0], &c, 1) == 1 && c != '\n';) address_ += c;
    ::close(out[0]);
  }
  ~service() {
    ::close(stdin_);
    int status = 0;
    ::waitpid(child_, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const std::string& address() const { return address_; }
  std::string url(const std::string& page) const {
    return "http://" + address_ + "/debug/pprof/" + page;
  }

 private:
  pid_t child_;
  int stdin_;
  std::string address_;
};

class pprof : public testing::Test {
 protected:
  void SetUp() override {
    int status = 0;
    output_of("go version", &status);
    if (status != 0) GTEST_SKIP() << "go is not installed (./dev bench installs it)";
    folder_ = std::filesystem::temp_directory_path() / ("taut_pprof_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    // It keeps a copy of what it fetches.
    ::setenv("PPROF_TMPDIR", folder_.c_str(), 1);
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::string run(const std::string& arguments) {
    int status = 0;
    std::string text = output_of("go tool pprof " + arguments, &status);
    EXPECT_EQ(status, 0) << arguments << "\n" << text;
    return text;
  }
  static void expect(const std::string& text, const std::string& piece) {
    EXPECT_NE(text.find(piece), std::string::npos) << piece << " is not in\n" << text;
  }

  std::filesystem::path folder_;
};

// Nobody but the runtime created it.
TEST(debug_serve, json_does_not_say_who_created_the_first) {
  service s;
  const std::string json = taut::test::ask(s.address(), "/debug/pprof/goroutine?debug=3").body;
  const std::size_t first = json.find("{\"id\":1,");
  ASSERT_NE(first, json.npos) << json;
  const std::string line = json.substr(first, json.find('\n', first) - first);
  EXPECT_EQ(line.find("\"created\""), line.npos) << line;
}

TEST_F(pprof, reads_the_proto) {
  service s;
  const std::string top = run("-top " + s.url("goroutine"));
  expect(top, "Type: goroutine\n");
  expect(top, "Showing nodes accounting for 10, 100% of 10 total");
  expect(top, "wait_for_work");
  const std::string traces = run("-traces " + s.url("goroutine"));
  expect(traces, "tenant:  acme \"one\"");
  expect(traces, "         5   ");
  const std::string raw = run("-raw " + s.url("goroutine"));
  expect(raw, "PeriodType: goroutine count\nPeriod: 1\n");
  expect(raw, "Samples:\ngoroutine/count\n");
  expect(raw, "debug_serve.cc:");
  const std::string peek = run("-peek wait_for_answer " + s.url("goroutine"));
  // The template's argument is not in the way of the name.
  expect(peek, "wait_for_answer");
  const std::string tags = run("-tags " + s.url("goroutine"));
  expect(tags, "acme");
}

TEST_F(pprof, reads_the_text) {
  service s;
  const std::string file = (folder_ / "text").string();
  std::ofstream(file) << taut::test::ask(s.address(), "/debug/pprof/goroutine?debug=1").body;
  const std::string raw = run("-raw -symbolize=none " + file);
  expect(raw, "Samples:\ngoroutine/count\n");
  expect(raw, "          5: 1 2 3");
}

TEST_F(pprof, reads_leaks_and_threads) {
  service s;
  const std::string leaks = run("-top " + s.url("goroutineleak"));
  expect(leaks, "Type: goroutineleak\n");
  expect(leaks, "of 1 total");
  expect(run("-top " + s.url("threadcreate")), "Type: threadcreate\n");
}

// Megabytes of the function in the output of -top -unit=mb.
double megabytes_of(const std::string& top, const std::string& function) {
  std::istringstream lines(top);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(function) == line.npos) continue;
    // flat flat% sum% cum cum% name
    std::istringstream words(line);
    std::string flat, flat_share, sum, cumulative;
    words >> flat >> flat_share >> sum >> cumulative;
    return std::stod(cumulative);
  }
  return 0;
}

TEST_F(pprof, reads_the_heap) {
  service s("debug_heap");
  const auto answer = taut::test::ask(s.address(), "/debug/pprof/heap?debug=1");
  if (answer.status == 501) GTEST_SKIP() << "built with a sanitizer, which replaces malloc";
  const std::string inuse = run("-top -unit=mb -sample_index=inuse_space " + s.url("heap"));
  expect(inuse, "Type: inuse_space\n");
  EXPECT_NEAR(megabytes_of(inuse, "open_session"), 64, 16) << inuse;
  EXPECT_LT(megabytes_of(inuse, "parse_request"), 1) << inuse;
  // What heap shows if nothing else is asked for, and allocs.
  expect(run("-top " + s.url("heap?gc=1")), "Type: inuse_space\n");
  const std::string allocs = run("-top -unit=mb " + s.url("allocs"));
  expect(allocs, "Type: alloc_space\n");
  EXPECT_NEAR(megabytes_of(allocs, "parse_request"), 128, 32) << allocs;
  EXPECT_NEAR(megabytes_of(allocs, "open_session"), 64, 16) << allocs;
  const std::string objects = run("-top -sample_index=inuse_objects " + s.url("heap"));
  expect(objects, "open_session");
  expect(run("-tags " + s.url("heap")), "16kB");
  expect(run("-raw -seconds 1 " + s.url("heap")), "Duration: 1");
  // The text form, which pprof scales itself.
  expect(answer.body, "] @ heap/131072\n");
  const std::string file = (folder_ / "heap").string();
  std::ofstream(file) << answer.body;
  const std::string raw = run("-raw -symbolize=none " + file);
  expect(raw, "inuse_space/bytes");
}

TEST_F(pprof, reads_a_cpu_profile) {
  service s("debug_busy");
  const std::string page = s.url("profile");
  // Of a machine that is busy otherwise a second may hold no sample of this.
  const std::string file = (folder_ / "cpu").string();
  std::string tags;
  for (int seconds = 1;
       seconds < 60 && (tags.find("acme") == tags.npos || tags.find("zeta") == tags.npos);
       seconds *= 2) {
    run("-proto -output " + file + " -seconds " + std::to_string(seconds) + " " + page);
    tags = run("-tags " + file);
  }
  expect(tags, "tenant: Total ");
  expect(tags, "acme");
  expect(tags, "zeta");
  const std::string top = run("-top -cum " + file);
  expect(top, "Type: cpu\n");
  expect(top, "compute_the_answer");
  expect(top, "Duration: ");
  expect(run("-top -tagfocus tenant=acme " + file), "compute_the_answer");
  const std::string raw = run("-raw " + file);
  expect(raw, "PeriodType: cpu nanoseconds\nPeriod: 10000000\n");
  expect(raw, "Samples:\nsamples/count cpu/nanoseconds");
  expect(run("-peek compute_the_answer " + file), "{lambda}");
  // The tool knows where to find it.
  expect(run("-top -seconds 1 http://" + s.address()), "Type: cpu\n");
}

TEST_F(pprof, reads_what_blocks) {
  service s("debug_busy");
  const std::string file = (folder_ / "block").string();
  std::string top;
  while (top.find("wait_for_a_turn") == top.npos || top.find("want_the_ledger") == top.npos)
    top = run("-top -cum " + s.url("block"));
  expect(top, "Type: delay\n");
  expect(run("-top -sample_index contentions " + s.url("block")), "Type: contentions\n");
  expect(run("-peek wait_for_a_turn " + s.url("block")), "wait_for_a_turn");
  std::ofstream(file) << taut::test::ask(s.address(), "/debug/pprof/block?debug=1").body;
  const std::string raw = run("-raw -symbolize=none " + file);
  expect(raw, "PeriodType: contentions count\nPeriod: 1\n");
  expect(raw, "Samples:\ncontentions/count delay/nanoseconds");
  expect(run("-raw -seconds 1 " + s.url("block")), "Duration: 1");
}

TEST_F(pprof, reads_who_holds_a_lock_and_who_waits) {
  service s("debug_busy");
  std::string tags;
  while (tags.find("holder") == tags.npos || tags.find("waiter") == tags.npos)
    tags = run("-tags " + s.url("mutex"));
  const std::string holders = run("-top -cum -tagfocus role=holder " + s.url("mutex"));
  expect(holders, "hold_the_ledger");
  EXPECT_EQ(holders.find("mutex::lock\n"), holders.npos) << holders;
  const std::string waiters = run("-top -cum -tagfocus role=waiter " + s.url("mutex"));
  expect(waiters, "want_the_ledger");
  EXPECT_EQ(waiters.find("mutex::unlock\n"), waiters.npos) << waiters;
  const std::string file = (folder_ / "mutex").string();
  std::ofstream(file) << taut::test::ask(s.address(), "/debug/pprof/mutex?debug=1").body;
  expect(run("-raw -symbolize=none " + file), "Samples:\ncontentions/count delay/nanoseconds");
}

TEST_F(pprof, reads_a_delta) {
  service s;
  const std::string raw = run("-raw -seconds 1 " + s.url("goroutine"));
  expect(raw, "goroutine/count");
  expect(raw, "Duration: 1");
}

}  // namespace
