// SPDX-License-Identifier: Apache-2.0
// Goroutines that hold up their worker: that they are reported, that others go on, and that the
// number of workers comes down again.
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "diag/symbolize.h"
#include "sched/runtime_state.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/io.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using namespace std::chrono_literals;

struct report {
  stall facts;
  std::vector<std::uintptr_t> frames;
};
std::mutex reports_guard;
std::vector<report> reports;

void note_report(const stall& s) {
  std::lock_guard hold(reports_guard);
  reports.push_back({s, {s.frames, s.frames + s.frame_count}});
}

// The first with frames: a thread that gets no CPU in time does not answer, and is asked again a
// second later.
std::optional<report> first_report(std::uint64_t goroutine) {
  std::lock_guard hold(reports_guard);
  for (const report& r : reports) {
    if (r.facts.goroutine == goroutine && !r.frames.empty()) return r;
  }
  return {};
}

// The watching thread looks by real time, so what it does is waited for by real time.
template <class Condition>
bool eventually(Condition&& holds) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    yield();
  }
  ADD_FAILURE() << "what the test waits for did not happen";
  return false;
}

std::string text_of(const report& r) {
  std::string text;
  for (std::uintptr_t pc : r.frames) {
    for (const rt::symbol_frame& f : rt::symbolize(pc)) text += f.function + "\n";
  }
  return text;
}

bool shows(const report& r, const char* function) {
  return text_of(r).find(function) != std::string::npos;
}

[[gnu::noinline]] int block_in_poll(int fd) {
  pollfd p{fd, POLLIN, 0};
  int n;
  while ((n = ::poll(&p, 1, 20'000)) < 0) {
  }
  asm volatile("" ::: "memory");
  return n;
}

[[gnu::noinline]] int call_what_blocks(int fd) {
  const int n = block_in_poll(fd);
  asm volatile("" ::: "memory");
  return n;
}

[[gnu::noinline]] void compute_until(std::atomic<bool>& stop) {
  while (!stop) {
  }
  asm volatile("" ::: "memory");
}

struct running {
  explicit running(int n) {
    reports.clear();
    start({.workers = n, .on_stall = note_report});
  }
  ~running() { stop(); }
};

void as_many_able_as_wanted() {
  eventually([] { return rt::the_runtime().able == rt::the_runtime().target; });
}

// One worker: that the report is seen, and the pipe written, by a goroutine shows that the others
// make progress.
TEST(stall, a_blocked_goroutine_is_reported_with_its_place) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    running one(1);
    run([&] {
      std::optional<report> r;
      wait_group both;
      both.go([&] {
        // One that has not started may run anywhere, whatever sanitizers leave on stacks.
        both.go([&, id = this_goroutine::id()] {
          EXPECT_TRUE(eventually([&] { return (r = first_report(id)).has_value(); }));
          EXPECT_EQ(::write(ends[1], "x", 1), 1);
        });
        EXPECT_EQ(call_what_blocks(ends[0]), 1);
      });
      both.wait();
      if (!r) return;
      EXPECT_TRUE(r->facts.blocked);
      EXPECT_EQ(r->facts.worker, 0);
      EXPECT_GE(r->facts.duration, 10ms);
      EXPECT_TRUE(shows(*r, "block_in_poll")) << text_of(*r);
      EXPECT_TRUE(shows(*r, "call_what_blocks")) << text_of(*r);
      as_many_able_as_wanted();
    });
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(stall, a_computing_goroutine_is_reported_as_such) {
  running one(1);
  run([&] {
    std::atomic<bool> over{false};
    std::optional<report> r;
    wait_group both;
    both.go([&] {
      both.go([&, id = this_goroutine::id()] {
        EXPECT_TRUE(eventually([&] { return (r = first_report(id)).has_value(); }));
        over = true;
      });
      compute_until(over);
    });
    both.wait();
    if (!r) return;
    EXPECT_FALSE(r->facts.blocked);
    EXPECT_TRUE(shows(*r, "compute_until")) << text_of(*r);
    as_many_able_as_wanted();
  });
}

TEST(stall, a_call_that_is_known_to_block_is_not_reported) {
  int known[2], unknown[2];
  ASSERT_EQ(::pipe(known), 0);
  ASSERT_EQ(::pipe(unknown), 0);
  {
    running one(1);
    run([&] {
      wait_group all;
      // Each begins the next: one that has not started may run anywhere.
      all.go([&] {
        all.go([&, first = this_goroutine::id()] {
          all.go([&, first, second = this_goroutine::id()] {
            EXPECT_TRUE(eventually([&] { return first_report(second).has_value(); }));
            EXPECT_FALSE(first_report(first));
            EXPECT_EQ(::write(known[1], "x", 1), 1);
            EXPECT_EQ(::write(unknown[1], "x", 1), 1);
          });
          block_in_poll(unknown[0]);
        });
        blocking([&] { block_in_poll(known[0]); });
      });
      all.wait();
      as_many_able_as_wanted();
    });
  }
  for (int end : {known[0], known[1], unknown[0], unknown[1]}) ::close(end);
}

TEST(stall, a_goroutine_that_switches_often_is_not_reported) {
  running one(1);
  run([] {
    const auto end = std::chrono::steady_clock::now() + 60ms;
    while (std::chrono::steady_clock::now() < end) yield();
  });
  EXPECT_TRUE(reports.empty());
}

// All of them inside at once, each on a thread of its own.
// Started by a thread: a goroutine that starts them, and yields meanwhile, may have to wait for the
// end of a call that its worker runs (docs/semantics.md, SCHED-10).
RUNTIME_THREAD_TEST(stall, blocking_calls_overlap) {
  constexpr int n = 8;
  std::mutex guard;
  std::condition_variable changed;
  int inside = 0;
  std::atomic<int> together{0};
  wait_group done;
  for (int i = 0; i < n; ++i) {
    done.go([&] {
      together += blocking([&] {
        std::unique_lock hold(guard);
        ++inside;
        changed.notify_all();
        return changed.wait_for(hold, 20s, [&] { return inside == n; }) ? 1 : 0;
      });
    });
  }
  done.wait();
  EXPECT_EQ(together, n);
  as_many_able_as_wanted();
}

RUNTIME_TEST(stall, blocking_returns_and_throws) {
  EXPECT_EQ(blocking([] { return 7; }), 7);
  EXPECT_THROW(blocking([]() -> int { throw std::runtime_error("x"); }), std::runtime_error);
  as_many_able_as_wanted();
}

RUNTIME_TEST(stall, the_number_of_workers_comes_down_after_blocking_calls_come_and_go) {
  for (int round = 0; round < 20; ++round) {
    wait_group done;
    for (int i = 0; i < 5; ++i) {
      done.go([] {
        blocking([] {});
        yield();
        blocking([] { ::sched_yield(); });
      });
    }
    done.wait();
  }
  as_many_able_as_wanted();
}

}  // namespace
}  // namespace taut::test
