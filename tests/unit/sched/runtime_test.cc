// SPDX-License-Identifier: Apache-2.0
// start(), stop(), run() and what can be asked of the runtime.
#include "taut/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/go.h"
#include "taut/time.h"

namespace taut::test {
namespace {

using namespace std::chrono_literals;

std::atomic<int> panics{0};

TEST(runtime, nothing_runs_before_it_starts) {
  EXPECT_EQ(workers(), 0);
  EXPECT_EQ(num_goroutine(), 0u);
  EXPECT_EQ(stop(), 0u);
  EXPECT_GE(usable_cpus(), 1);
}

TEST(runtime, the_first_goroutine_starts_it) {
  EXPECT_GE(run([] { return workers(); }), 1);
  EXPECT_GE(workers(), 1);
  stop();
}

TEST(runtime, refuses_a_stack_that_no_machine_has) {
  EXPECT_NE(panic_of([] { start({.stack_size = std::size_t{1} << 62}); }), "");
  EXPECT_EQ(workers(), 0);
  start({.workers = 1});
  stop();
}

TEST(runtime, what_leaves_a_goroutine_goes_to_on_panic) {
  panics = 0;
  start({.workers = 2, .on_panic = [](std::exception_ptr e) {
           try {
             std::rethrow_exception(e);
           } catch (const std::runtime_error&) {
             ++panics;
           }
         }});
  run([] {
    go([] { throw std::runtime_error("x"); });
    until([] { return panics == 1; });
  });
  stop();
}

TEST(runtime, virtual_time_jumps_to_the_next_timer) {
  start({.workers = 2, .virtual_time = true});
  run([] {
    const auto began = now();
    chan<int> order(0);
    go([=] {
      sleep_for(48h);
      order.send(2);
    });
    go([=] {
      sleep_for(24h);
      order.send(1);
    });
    EXPECT_EQ(order.recv(), 1);
    EXPECT_EQ(order.recv(), 2);
    EXPECT_GE(now() - began, 48h);
  });
  stop();
}

RUNTIME_THREAD_TEST(run, returns_what_only_moves) {
  auto p = run([] { return std::make_unique<int>(7); });
  EXPECT_EQ(*p, 7);
}

RUNTIME_THREAD_TEST(run, rethrows) {
  EXPECT_THROW(run([] { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_THROW(run([] { throw canceled(); }), canceled);
}

RUNTIME_THREAD_TEST(run, may_be_called_by_many_threads) {
  std::atomic<int> sum{0};
  auto work = [&] {
    for (int i = 0; i < 50; ++i) sum += run([] { return 1; });
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(sum, 100);
}

RUNTIME_TEST(run, is_not_for_goroutines) {
  EXPECT_NE(panic_of([] { run([] {}); }), "");
  EXPECT_NE(panic_of([] { stop(); }), "");
  EXPECT_NE(panic_of([] { start(); }), "");
}

}  // namespace
}  // namespace taut::test
