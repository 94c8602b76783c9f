// SPDX-License-Identifier: Apache-2.0
// Beginning and end of the runtime and of goroutines; schedules that replay; a process that has
// nothing to do.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sched/runtime_state.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/io.h"
#include "taut/mutex.h"
#include "taut/select.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using namespace std::chrono_literals;

TEST(lifecycle, thirty_runtimes_one_after_the_other) {
  constexpr int counts[] = {1, 4, 2, 7, 3};
  chan<int> outlives(0);  // used by every runtime
  for (int round = 0; round < 30; ++round) {
    start({.workers = counts[round % 5], .force_migrate = round % 2 == 0});
    EXPECT_EQ(workers(), counts[round % 5]);
    const int parked = round % 7;
    run([&] {
      wait_group work;
      std::atomic<int> sum{0};
      for (int i = 0; i < 50; ++i) {
        work.go([&, i] {
          yield();
          sum += i;
        });
      }
      work.wait();
      EXPECT_EQ(sum, 49 * 50 / 2);
      go([=] { outlives.send(round); });
      EXPECT_EQ(outlives.recv(), round);
      chan<int> never(0);
      for (int i = 0; i < parked; ++i) go([=] { never.recv(); });
      until_waiting(rt::wait_reason::chan_receive, static_cast<std::size_t>(parked));
      until([&] { return num_goroutine() == static_cast<std::size_t>(parked) + 1; });
    });
    EXPECT_EQ(stop(), static_cast<std::size_t>(parked));
    EXPECT_EQ(stop(), 0u);
    EXPECT_EQ(num_goroutine(), 0u);
  }
}

// Nobody runs what was abandoned, whoever would have woken it.
TEST(lifecycle, a_late_wake_up_of_an_abandoned_goroutine_does_nothing) {
  std::atomic<bool> ran{false};
  wait_group gate;
  gate.add(1);
  start({.workers = 2});
  run([&] {
    go([&] {
      gate.wait();
      ran = true;
    });
    until_waiting(rt::wait_reason::wait_group_wait);
  });
  EXPECT_EQ(stop(), 1u);
  start({.workers = 2});
  run([&] {
    gate.done();
    let_others_run();
    EXPECT_EQ(num_goroutine(), 1u);
  });
  EXPECT_EQ(stop(), 0u);
  EXPECT_FALSE(ran);
}

RUNTIME_TEST(lifecycle, goexit_unwinds_through_every_frame) {
  struct counter {
    std::atomic<int>* n;
    ~counter() {
      yield();  // may park while it unwinds
      ++*n;
    }
  };
  struct deep {
    static void down(std::atomic<int>& n, int depth) {
      counter c{&n};
      if (depth == 0) {
        void (*volatile leave)() = goexit;
        leave();
        return;
      }
      try {
        down(n, depth - 1);
      } catch (...) {
        yield();
        throw;
      }
      ADD_FAILURE() << "went on";
    }
  };
  std::atomic<int> unwound{0};
  auto shared = std::make_shared<int>(1);
  for (int i = 0; i < 20; ++i) go([&, shared] { deep::down(unwound, 20); });
  until([] { return num_goroutine() == 1; });
  EXPECT_EQ(unwound, 20 * 21);
  EXPECT_EQ(shared.use_count(), 1);  // the closures are destroyed too
}

RUNTIME_THREAD_TEST(lifecycle, goexit_needs_a_goroutine) {
  EXPECT_NE(panic_of([] { goexit(); }), "");
}

// Who did what in which order, in a program that uses all sorts of waits. One worker, so a plain
// vector holds it.
std::vector<int> order_of(std::uint64_t seed) {
  std::vector<int> order;
  start({.workers = 1, .virtual_time = true, .perturb_seed = seed});
  run([&] {
    chan<int> c(2), d(0);
    mutex m;
    const auto append = [&](int what) {
      std::scoped_lock hold(m);
      order.push_back(what);
    };
    wait_group all;
    for (int i = 0; i < 6; ++i) {
      all.go([&, i] {
        for (int k = 0; k < 8; ++k) {
          append(i * 100 + k);
          if (i % 3 == 2) sleep_for(std::chrono::microseconds(k * i));
          select(send(c, i), send(d, i + 50));
        }
      });
    }
    all.go([&] {
      for (int k = 0; k < 48; ++k) {
        append(1000 + static_cast<int>(select(recv(c, [&](auto v) { append(2000 + *v); }),
                                              recv(d, [&](auto v) { append(3000 + *v); }))));
        if (k % 10 == 0) sleep_for(1ms);
      }
    });
    all.wait();
  });
  stop();
  return order;
}

TEST(lifecycle, a_seed_replays_its_schedule) {
  std::vector<std::vector<int>> orders;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    orders.push_back(order_of(seed));
    for (int again = 0; again < 3; ++again) {
      const std::vector<int> second = order_of(seed);
      ASSERT_EQ(second, orders.back())
          << "seed " << seed << ", differs at "
          << std::mismatch(second.begin(), second.end(), orders.back().begin()).first -
                 second.begin();
    }
  }
  std::size_t different = 0;
  for (const auto& o : orders) different += o != orders.front();
  EXPECT_GE(different, 6u);
}

// How often the runtime's threads have run and stopped: what a sleeping process does not do,
// however busy the machine is.
long wakes_of_the_runtime() {
  long sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    std::string key, name;
    if (!(status >> key >> name) || name.rfind("taut/", 0) != 0) continue;
    while (status >> key)
      if (long n = 0; key.find("ctxt_switches:") != key.npos && status >> n) sum += n;
  }
  return sum;
}

// The process goes to sleep some time after its last goroutine did; then nothing wakes it.
[[noreturn]] void be_idle() {
  start({.workers = 2});
  chan<int> never(0);
  run([=] {
    for (int i = 0; i < 1000; ++i) go([=] { never.recv(); });
    until_waiting(rt::wait_reason::chan_receive, 1000);
  });
  long wakes = -1;
  for (int tries = 0; tries < 10 && wakes != 0; ++tries) {
    const long before = wakes_of_the_runtime();
    ::poll(nullptr, 0, 500);  // what is measured, not a wait for something
    wakes = wakes_of_the_runtime() - before;
    std::fprintf(stderr, "%ld wakes in 0.5 s\n", wakes);
  }
  ::_exit(wakes == 0 && num_goroutine() == 1000 ? 0 : 1);
}

TEST(lifecycle, an_idle_process_uses_no_cpu) {
  EXPECT_EXIT(be_idle(), testing::ExitedWithCode(0), "0 wakes in 0.5 s");
}

// The last one to find nothing is one worker too many, since its blocking call had a stand-in: it
// retires, with the others long asleep.
[[noreturn]] void deadlock_after_a_blocking_call() {
  ::alarm(60);
  start({.workers = 2});
  run([] {
    std::atomic<bool> busy{false}, stood_in{false};
    go([&] {
      busy = true;
      while (!stood_in) std::this_thread::yield();
    });
    EXPECT_TRUE(until([&] { return busy.load(); }));
    go([&] { stood_in = true; });
    blocking([] {
      while (rt::the_runtime().idle_count < 2) std::this_thread::yield();
    });
    chan<int>(0).recv();
  });
  ::_exit(0);
}

TEST(lifecycle, a_worker_that_retires_asks_for_deadlock) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a fork would lack the race detector's thread
  EXPECT_EXIT(deadlock_after_a_blocking_call(), testing::ExitedWithCode(2),
              "all goroutines are asleep - deadlock!");
}

}  // namespace
}  // namespace taut::test
