// SPDX-License-Identifier: Apache-2.0
// The rules SCHED-nn of docs/semantics.md.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/annotations.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/go.h"
#include "taut/io.h"
#include "taut/mutex.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using namespace std::chrono_literals;

RUNTIME_TEST(sched, SCHED_01_go_does_not_wait) {
  chan<int> c(0);
  auto add = [=](std::unique_ptr<int> a, int b) { c.send(*a + b); };
  go(add, std::make_unique<int>(1), 2);
  EXPECT_EQ(c.recv(), 3);
}

RUNTIME_TEST(sched, SCHED_02_go_happens_before_the_goroutine) {
  chan<int> c(0);
  int plain = 0;
  for (int i = 1; i <= 20; ++i) {
    plain = i;
    go([&, c] { c.send(plain); });
    EXPECT_EQ(c.recv(), i);
  }
}

RUNTIME_TEST(sched, SCHED_03_goexit_runs_destructors) {
  chan<std::string> told(4);
  go([=] {
    struct teller {
      chan<std::string> to;
      const char* text;
      ~teller() { to.send(text); }
    } outer{told, "outer"};
    [&] {
      teller inner{told, "inner"};
      try {
        goexit();
      } catch (const std::exception&) {
        told.send("caught");
      }
    }();
    told.send("went on");
  });
  EXPECT_EQ(told.recv(), "inner");
  EXPECT_EQ(told.recv(), "outer");
  until([] { return num_goroutine() == 1; });
  EXPECT_EQ(told.len(), 0u);
}

RUNTIME_TEST(sched, SCHED_04_yield_lets_others_run) {
  std::atomic<int> ran{0};
  for (int i = 0; i < 300; ++i) go([&] { ++ran; });
  for (int i = 0; i < 1'000'000 && ran < 300; ++i) yield();
  EXPECT_EQ(ran, 300);
}

RUNTIME_THREAD_TEST(sched, SCHED_05_run_returns_and_rethrows) {
  EXPECT_EQ(run([] { return 42; }), 42);
  EXPECT_EQ(*run([] { return std::make_unique<int>(7); }), 7);
  EXPECT_THROW(run([] { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_THROW(run([] { throw 5; }), int);
}

RUNTIME_TEST(sched, SCHED_06_num_goroutine_counts_all) {
  chan<unit> hold(0);
  EXPECT_EQ(num_goroutine(), 1u);
  for (int i = 0; i < 100; ++i) go([=] { hold.recv(); });
  EXPECT_EQ(num_goroutine(), 101u);
  hold.close();
  until([] { return num_goroutine() == 1; });
}

RUNTIME_TEST(sched, SCHED_07_identity) {
  chan<std::uint64_t> ids(64);
  for (int i = 0; i < 64; ++i) go([=] { ids.send(this_goroutine::id()); });
  std::set<std::uint64_t> all{this_goroutine::id()};
  for (int i = 0; i < 64; ++i) all.insert(*ids.recv());
  EXPECT_EQ(all.size(), 65u);
  EXPECT_EQ(all.count(0), 0u);

  this_goroutine::set_label("tenant", "blue");
  chan<std::string> told(4);
  go({.name = "reader"}, [=] {
    told.send(std::string(this_goroutine::name()));
    told.send(this_goroutine::label("tenant"));
    this_goroutine::set_label("tenant", "red");
    told.send(this_goroutine::label("tenant"));
    this_goroutine::set_label("tenant", "");
    told.send(this_goroutine::label("tenant"));
  });
  EXPECT_EQ(told.recv(), "reader");
  EXPECT_EQ(told.recv(), "blue");
  EXPECT_EQ(told.recv(), "red");
  EXPECT_EQ(told.recv(), "");
  EXPECT_EQ(this_goroutine::label("tenant"), "blue");
}

// Yields while it is destroyed.
struct yielder {
  ~yielder() { yield(); }
};

// Every way an exception can be alive across a switch.
void keep_an_exception(int mine) {
  try {
    yielder in_flight;
    throw std::runtime_error(std::to_string(mine));
  } catch (const std::exception& e) {
    yield();
    EXPECT_EQ(e.what(), std::to_string(mine));
    std::exception_ptr kept = std::current_exception();
    try {
      yielder again;
      throw mine;
    } catch (int nested) {
      yield();
      EXPECT_EQ(nested, mine);
    }
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    try {
      try {
        yield();
        throw;
      } catch (const std::runtime_error&) {
        yield();
        std::rethrow_exception(kept);
      }
    } catch (const std::exception& last) {
      yield();
      EXPECT_EQ(last.what(), std::to_string(mine));
    }
  }
  EXPECT_EQ(std::current_exception(), nullptr);
}

// Out of line, so that no address of errno is kept across the switch. Goroutines of one thread
// share the word one after the other, which the race detector cannot know.
[[gnu::noinline]] TAUT_NO_SANITIZE void set_errno(int n) {
  errno = n;
  asm volatile("" ::: "memory");
}
[[gnu::noinline]] TAUT_NO_SANITIZE int get_errno() {
  asm volatile("" ::: "memory");
  return errno;
}

RUNTIME_TEST(sched, SCHED_08_errno_and_exceptions_travel) {
  constexpr int goroutines = 50;
  chan<unit> done(goroutines);
  for (int i = 1; i <= goroutines; ++i) {
    go([=] {
      for (int k = 0; k < 5; ++k) {
        set_errno(i);
        yield();
        EXPECT_EQ(get_errno(), i);
        keep_an_exception(i);
      }
      done.send({});
    });
  }
  for (int i = 0; i < goroutines; ++i) done.recv();
}

RUNTIME_TEST(sched, SCHED_09_pinned_stays) {
  chan<unit> done(20);
  for (int i = 0; i < 10; ++i) {
    go({.pinned = true}, [=] {
      const int mine = this_goroutine::worker();
      for (int k = 0; k < 30; ++k) {
        yield();
        EXPECT_EQ(this_goroutine::worker(), mine);
      }
      done.send({});
    });
    go([=] {
      pin outer;
      {
        pin inner;
      }
      const int mine = this_goroutine::worker();
      for (int k = 0; k < 30; ++k) {
        yield();
        EXPECT_EQ(this_goroutine::worker(), mine);
      }
      done.send({});
    });
  }
  for (int i = 0; i < 20; ++i) done.recv();
}

[[gnu::noinline]] TAUT_NO_SANITIZE void put(int* to, int n) { *to = n; }
[[gnu::noinline]] TAUT_NO_SANITIZE int get(const int* from) { return *from; }

RUNTIME_TEST(sched, SCHED_10_an_address_of_errno_keeps_it_home) {
  chan<unit> done(10);
  for (int i = 0; i < 10; ++i) {
    go([=] {
      int* volatile kept = &errno;  // on this stack for as long as this frame lives
      const int mine = this_goroutine::worker();
      for (int k = 0; k < 30; ++k) {
        put(kept, k);
        yield();
        EXPECT_EQ(this_goroutine::worker(), mine);
        EXPECT_EQ(get(kept), k);
      }
      done.send({});
    });
  }
  for (int i = 0; i < 10; ++i) done.recv();
}

RUNTIME_THREAD_TEST(sched, SCHED_11_a_stuck_worker_does_not_stop_the_others) {
  // As many as there are workers block their threads; only a goroutine that still gets to run can
  // free them.
  const int n = workers();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::atomic<int> began{0};
  chan<unit> done(n);
  for (int i = 0; i < n; ++i) {
    go([&, done] {
      ++began;
      pollfd p{ends[0], POLLIN, 0};
      while (::poll(&p, 1, -1) < 0) {
      }
      done.send({});
    });
  }
  until([&] { return began == n; });
  go([&, done] {
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    done.send({});
  });
  for (int i = 0; i < n + 1; ++i) done.recv();
  ::close(ends[0]);
  ::close(ends[1]);

  std::atomic<bool> stop{false};
  began = 0;
  for (int i = 0; i < n; ++i) {
    go([&, done] {
      ++began;
      while (!stop) {
      }
      done.send({});
    });
  }
  until([&] { return began == n; });
  go([&] { stop = true; });
  for (int i = 0; i < n; ++i) done.recv();
}

RUNTIME_TEST(sched, SCHED_11_what_a_stuck_worker_queued_runs_beside_others_that_only_yield) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::atomic<bool> ran{false};
  wait_group all;
  for (int i = 0; i < workers(); ++i) {
    all.go([&] {
      while (!ran) yield();
    });
  }
  all.go([&] {
    go([&] { ran = true; });
    pollfd p{ends[0], POLLIN, 0};
    blocking([&] { ::poll(&p, 1, -1); });
  });
  const auto limit = std::chrono::steady_clock::now() + 60s;
  while (!ran && std::chrono::steady_clock::now() < limit) yield();
  EXPECT_TRUE(ran);
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  all.wait();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(sched, SCHED_12_stop_and_start_again) {
  for (int round = 0; round < 20; ++round) {
    const int parked = round % 4;
    start({.workers = 1 + round % 3});
    EXPECT_THROW(start(), panic);
    chan<unit> hold(0);
    run([=] {
      for (int i = 0; i < parked; ++i) go([=] { hold.recv(); });
      until_waiting(rt::wait_reason::chan_receive, static_cast<std::size_t>(parked));
      EXPECT_NE(panic_of([] { run([] {}); }), "");
    });
    EXPECT_EQ(stop(), static_cast<std::size_t>(parked));
    EXPECT_EQ(num_goroutine(), 0u);
    EXPECT_EQ(workers(), 0);
  }
}

TEST(sched, SCHED_12_timers_outlive_the_worker_they_were_armed_on) {
  std::vector<recv_chan<time_point>> ticks;
  start({.workers = 4});
  run([&] {
    // Each arms its timer on a worker of its own: none gives its worker up before all have begun.
    std::atomic<int> began{0};
    mutex guard;
    wait_group all;
    for (int i = 0; i < 4; ++i) {
      all.go([&] {
        ++began;
        while (began < 4) {
        }
        recv_chan<time_point> tick = after(20ms);
        std::scoped_lock hold(guard);
        ticks.push_back(tick);
      });
    }
    all.wait();
  });
  EXPECT_EQ(stop(), 0u);
  start({.workers = 1});
  run([&] {
    for (const auto& tick : ticks) EXPECT_TRUE(tick.recv().has_value());
  });
  EXPECT_EQ(stop(), 0u);
}

}  // namespace
}  // namespace taut::test
