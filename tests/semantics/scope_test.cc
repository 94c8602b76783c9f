// SPDX-License-Identifier: Apache-2.0
// The rules SCOPE-nn of docs/semantics.md.
#include "taut/scope.h"

#include <atomic>
#include <stdexcept>
#include <string>

#include "support/fixture.h"
#include "taut/time.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "none";
}

RUNTIME_TEST(scope, SCOPE_01_the_destructor_joins) {
  std::atomic<int> ended{0};
  {
    scope s;
    for (int i = 0; i < 20; ++i) {
      s.go([&] {
        yield();
        ++ended;
      });
    }
  }
  EXPECT_EQ(ended, 20);
}

RUNTIME_TEST(scope, SCOPE_02_wait_joins_and_the_scope_goes_on) {
  std::atomic<int> ended{0};
  scope s;
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 5; ++i) s.go([&] { ++ended; });
    s.wait();
    EXPECT_EQ(ended, 5 * round);
    EXPECT_EQ(s.active(), 0u);
  }
}

RUNTIME_TEST(scope, SCOPE_03_the_first_error_cancels_and_is_rethrown_once) {
  scope s;
  std::atomic<int> canceled_ones{0};
  for (int i = 0; i < 3; ++i) {
    s.go([&] {
      struct at_end {
        std::atomic<int>* n;
        ~at_end() { ++*n; }
      } e{&canceled_ones};
      chan<int>(0).recv();
    });
  }
  until_waiting(wait_reason::chan_receive, 3);
  s.go([] { throw std::runtime_error("first"); });
  EXPECT_EQ(error_of([&] { s.wait(); }), "first");
  EXPECT_EQ(canceled_ones, 3);
  EXPECT_EQ(s.ctx().err(), errc::canceled);
  EXPECT_EQ(error_of([&] { std::rethrow_exception(s.ctx().cause()); }), "first");
  EXPECT_EQ(error_of([&] { s.wait(); }), "none");
}

RUNTIME_TEST(scope, SCOPE_04_the_destructor_rethrows_what_wait_did_not) {
  EXPECT_EQ(error_of([] {
              scope s;
              s.go([] { throw std::runtime_error("lost?"); });
            }),
            "lost?");
}

RUNTIME_TEST(scope, SCOPE_05_an_exception_that_passes_cancels_and_joins) {
  std::atomic<bool> ended{false};
  EXPECT_EQ(error_of([&] {
              scope s;
              s.go([&] {
                struct at_end {
                  std::atomic<bool>* b;
                  ~at_end() { *b = true; }
                } e{&ended};
                chan<int>(0).recv();
              });
              throw std::runtime_error("mine");
            }),
            "mine");
  EXPECT_TRUE(ended);
}

RUNTIME_TEST(scope, SCOPE_06_cancel_ends_every_wait_inside) {
  scope s;
  for (int i = 0; i < 4; ++i) s.go([] { sleep_for(1h); });
  until_waiting(wait_reason::sleep, 4);
  s.cancel();
  s.wait();
  EXPECT_EQ(s.active(), 0u);
}

RUNTIME_TEST(scope, SCOPE_07_a_limit_bounds_the_active) {
  scope s;
  s.set_limit(2);
  std::atomic<int> active{0}, most{0}, ran{0};
  for (int i = 0; i < 20; ++i) {
    s.go([&] {
      const int n = ++active;
      int seen = most;
      while (seen < n && !most.compare_exchange_weak(seen, n)) {
      }
      yield();
      ++ran;
      --active;
    });
  }
  s.wait();
  EXPECT_EQ(ran, 20);
  EXPECT_LE(most, 2);
}

RUNTIME_TEST(scope, SCOPE_08_try_go_starts_only_below_the_limit) {
  chan<int> stop(0);
  scope s;
  s.set_limit(1);
  EXPECT_TRUE(s.try_go([&] { stop.recv(); }));
  EXPECT_FALSE(s.try_go([] {}));
  EXPECT_EQ(panic_of([&] { s.set_limit(2); }),
            "errgroup: modify limit while 1 goroutines in the group are still active");
  stop.close();
  s.wait();
  EXPECT_TRUE(s.try_go([] {}));
}

RUNTIME_TEST(scope, SCOPE_09_a_failed_goroutine_frees_its_place) {
  scope s;
  s.set_limit(1);
  for (int i = 0; i < 3; ++i) {
    s.go([] { throw std::runtime_error("each"); });
  }
  EXPECT_EQ(error_of([&] { s.wait(); }), "each");
}

RUNTIME_TEST(scope, SCOPE_10_a_scope_stands_below_the_bound_context) {
  auto [ctx, cancel] = with_cancel(background());
  std::atomic<int> ended{0};
  go(ctx, [&] {
    struct at_end {
      std::atomic<int>* n;
      ~at_end() { ++*n; }
    } e{&ended};
    scope s;
    s.go([&] {
      struct inner_end {
        std::atomic<int>* n;
        ~inner_end() { ++*n; }
      } inner{&ended};
      sleep_for(1h);
    });
    s.wait();
  });
  until_waiting(wait_reason::sleep);
  until_waiting(wait_reason::scope_join);
  cancel();
  until([&] { return ended == 2; });
}

RUNTIME_TEST(scope, SCOPE_11_go_at_the_limit_is_ended_by_the_bound_context) {
  auto [ctx, cancel] = with_cancel(background());
  std::atomic<bool> unwound{false};
  chan<int> stop(0);
  go(ctx, [&] {
    struct at_end {
      std::atomic<bool>* b;
      ~at_end() { *b = true; }
    } e{&unwound};
    scope s(background());
    s.set_limit(1);
    s.go([&] { stop.recv(); });
    s.go([] {});
  });
  until_waiting(wait_reason::scope_enter);
  cancel();
  until([&] { return unwound.load(); });
}

RUNTIME_THREAD_TEST(scope, SCOPE_12_a_thread_may_have_a_scope) {
  std::atomic<int> ended{0};
  {
    scope s;
    s.set_limit(2);
    for (int i = 0; i < 10; ++i) {
      s.go([&] {
        yield();
        ++ended;
      });
    }
  }
  EXPECT_EQ(ended, 10);
}

RUNTIME_TEST(scope, SCOPE_13_goexit_leaves_the_scope_quietly) {
  scope s;
  s.go([] { goexit(); });
  s.wait();
  EXPECT_FALSE(s.ctx().err());
}

}  // namespace
}  // namespace taut::test
