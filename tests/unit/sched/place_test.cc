// SPDX-License-Identifier: Apache-2.0
// Where goroutines are that run.
#include "sched/place.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>

#include "sched/runtime_state.h"
#include "support/fixture.h"
#include "taut/diag.h"

// Not in namespace taut::rt, whose functions are not shown.
namespace {

using taut::go;
using taut::stack;
using taut::rt::frames_of_thread;
using taut::rt::goroutine;
using taut::rt::the_runtime;
using taut::rt::worker;
using taut::test::until;
using clock = std::chrono::steady_clock;

void block_the_question(bool blocked) {
  sigset_t question;
  ::sigemptyset(&question);
  ::sigaddset(&question, SIGURG);
  ::pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &question, nullptr);
}

// Answers, but only 6 ms after it was asked: as long as a thread may wait for a processor.
[[gnu::noinline]] void answer_late(std::atomic<int>& answers, const std::atomic<bool>& stop) {
  block_the_question(true);
  ++answers;
  while (!stop) {
    sigset_t pending;
    ::sigpending(&pending);
    if (::sigismember(&pending, SIGURG) == 0) continue;
    const auto asked = clock::now();
    while (clock::now() - asked < std::chrono::milliseconds(6)) {
    }
    block_the_question(false);
    block_the_question(true);
    ++answers;
  }
  block_the_question(false);
}

RUNTIME_THREAD_TEST(place, of_one_that_answers_late) {
  std::atomic<int> answers{0};
  std::atomic<bool> stop{false}, done{false};
  go([&] {
    answer_late(answers, stop);
    done = true;
  });
  bool found = false;
  // More than once, for it may have to wait for a processor, too.
  for (int i = 0; i < 500 && !found; ++i) {
    until([&] { return answers > i; });
    found = stack(true).find("answer_late") != std::string::npos;
  }
  EXPECT_TRUE(found);
  stop = true;
  until([&] { return done.load(); });
}

RUNTIME_THREAD_TEST(place, silent_is_who_does_not_answer) {
  std::atomic<const worker*> on{nullptr};
  std::atomic<bool> deaf{false}, stop{false}, done{false};
  go([&] {
    the_runtime().for_each_worker([&](const worker* w) {
      const goroutine* g = w->shown.load();
      if (g != nullptr && g->id.load() == taut::this_goroutine::id()) on = w;
    });
    while (!deaf) {
    }
    block_the_question(true);
    deaf = false;
    while (!stop) {
    }
    block_the_question(false);
    done = true;
  });
  until([&] { return on.load() != nullptr; });
  const worker& w = *on.load();
  const goroutine* const runs = w.shown.load();
  const goroutine* const other = nullptr;
  std::uintptr_t frames[8];
  bool silent = true;
  until([&] { return frames_of_thread(w.tid, runs, frames, 8, &silent) != 0; });
  EXPECT_FALSE(silent);
  // One that went on to something else has answered.
  until([&] { return frames_of_thread(w.tid, runs + 1, frames, 8, &silent) == 0 && !silent; });
  deaf = true;
  until([&] { return !deaf; });
  // Asked more than once: what was asked before may have been answered only now.
  std::size_t found = 0;
  until([&] {
    found = frames_of_thread(w.tid, other, frames, 8, &silent);
    return silent;
  });
  EXPECT_EQ(found, 0u);
  stop = true;
  until([&] { return done.load(); });
}

// Deep, and not turned into a loop: something is done after the call.
[[gnu::noinline]] int descend(int n, std::atomic<bool>& there, const std::atomic<bool>& stop) {
  if (n == 0) {
    there = true;
    while (!stop) {
    }
    return 0;
  }
  const int below = descend(n - 1, there, stop);
  asm volatile("" ::: "memory");
  return below + n;
}

RUNTIME_THREAD_TEST(place, of_one_that_is_deep_has_its_root) {
  std::atomic<bool> there{false}, stop{false}, done{false};
  go({.stack = 256 << 10}, [&] {
    descend(150, there, stop);
    done = true;
  });
  until([&] { return there.load(); });
  std::string text;
  until([&] {
    text = stack(true);
    return text.find("descend") != std::string::npos;
  });
  // 50, 151 calls and what called them less 100, 50.
  const std::size_t at = std::min(text.find(" frames elided...\n"), text.size());
  const int elided = at == text.size() ? 0 : std::stoi(text.substr(text.rfind("...", at) + 3));
  EXPECT_GE(elided, 52) << text;
  EXPECT_LE(elided, 60) << text;
  EXPECT_NE(text.find("{lambda}", at), std::string::npos) << text;
  stop = true;
  until([&] { return done.load(); });
}

}  // namespace
