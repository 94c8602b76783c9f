// SPDX-License-Identifier: Apache-2.0
// Millions of wake-ups: one that is lost shows as a test that does not end.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/mutex.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(TAUT_TSAN)
constexpr int million = 100'000;
#else
constexpr int million = 1'000'000;
#endif

struct running {
  explicit running(int n) { start({.workers = n}); }
  ~running() { stop(); }
};

// Long enough for a worker that has nothing to do to stop spinning and fall asleep.
void keep_the_other_waiting() {
  const auto end = std::chrono::steady_clock::now() + 15us;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Two goroutines, each pinned to a worker of its own: every wake-up crosses, most to a worker that
// spins, now and then to one that sleeps or is about to.
TEST(wakeups, a_million_between_two_workers) {
  running two(2);
  run([] {
    chan<int> ping(0), pong(0);
    wait_group done;
    std::atomic<int> first{-1};
    std::atomic<int> crossed{0};
    auto side = [&](auto turn) {
      // Where the other one is not: who finds itself beside it moves on until it is elsewhere.
      int none = -1;
      while (!first.compare_exchange_strong(none, this_goroutine::worker()) &&
             none == this_goroutine::worker()) {
        yield();
        none = -1;
      }
      pin here;
      crossed += first != this_goroutine::worker();
      for (int i = 0; i < million / 2; ++i) turn(i);
    };
    done.go([&] {
      side([&](int i) {
        if (i % 256 == 0) keep_the_other_waiting();
        ping.send(i);
        EXPECT_EQ(pong.recv(), i);
      });
    });
    done.go([&] { side([&](int) { pong.send(*ping.recv()); }); });
    done.wait();
    EXPECT_EQ(crossed, 1);
  });
}

// Many to one, one to many, over and over: bounded, not merely finite.
RUNTIME_TEST(wakeups, storms) {
  const auto begin = std::chrono::steady_clock::now();
  constexpr int many = 500;
  for (int round = 0; round < 20; ++round) {
    chan<int> to_one(round % 3), from_one(round % 2 * many);
    wait_group done;
    for (int i = 0; i < many; ++i) {
      done.go([=] {
        to_one.send(i);
        from_one.recv();
      });
    }
    std::int64_t sum = 0;
    for (int i = 0; i < many; ++i) sum += *to_one.recv();
    EXPECT_EQ(sum, many * (many - 1) / 2);
    if (round % 4 == 0) {
      from_one.close();
    } else {
      for (int i = 0; i < many; ++i) from_one.send(i);
    }
    done.wait();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

// Everybody wants the same lock.
RUNTIME_TEST(wakeups, a_crowd_at_one_lock) {
  mutex m;
  int plain = 0;
  wait_group done;
  for (int i = 0; i < 100; ++i) {
    done.go([&] {
      for (int k = 0; k < 200; ++k) {
        std::scoped_lock hold(m);
        if (k % 50 == 0) yield();
        ++plain;
      }
    });
  }
  done.wait();
  EXPECT_EQ(plain, 100 * 200);
}

}  // namespace
}  // namespace taut::test
