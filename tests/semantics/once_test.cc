// SPDX-License-Identifier: Apache-2.0
// The ONCE rules of docs/semantics.md.
#include "taut/once.h"

#include <deque>
#include <memory>
#include <stdexcept>

#include "support/fixture.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;

RUNTIME_TEST(once_rules, ONCE_01_the_function_runs_exactly_once) {
  once o;
  wait_group all;
  int ran = 0;
  for (int i = 0; i < 8; ++i) {
    all.go([&] {
      o.call([&] {
        yield();
        ++ran;
      });
      EXPECT_EQ(ran, 1);
    });
  }
  all.wait();
  EXPECT_TRUE(o.done());
  o.call([&] { ++ran; });
  EXPECT_EQ(ran, 1);
}

RUNTIME_TEST(once_rules, ONCE_02_callers_return_after_it_has) {
  once o;
  wait_group all;
  bool finished = false;
  std::atomic<bool> begun{false}, open{false};
  all.go([&] {
    o.call([&] {
      begun.store(true);
      until([&] { return open.load(); });
      finished = true;
    });
  });
  until([&] { return begun.load(); });
  for (int i = 0; i < 3; ++i) {
    all.go([&] {
      o.call([] { ADD_FAILURE() << "ran twice"; });
      EXPECT_TRUE(finished);
    });
  }
  until_waiting(wait_reason::mutex_lock, 3);
  EXPECT_FALSE(o.done());
  open.store(true);
  all.wait();
}

RUNTIME_TEST(once_rules, ONCE_03_an_exception_counts_as_done) {
  once o;
  EXPECT_THROW(o.call([] { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_TRUE(o.done());
  o.call([] { ADD_FAILURE() << "ran twice"; });
}

RUNTIME_TEST(once_rules, ONCE_04_a_call_from_inside_blocks_for_ever) {
  static std::deque<once> kept;
  once& o = kept.emplace_back();
  leave_behind(1);
  go([&] {
    o.call([&] {
      o.call([] {});
      ADD_FAILURE() << "a call overtook itself";
    });
  });
  until_waiting(wait_reason::mutex_lock);
  let_others_run();
  EXPECT_EQ(waiting(wait_reason::mutex_lock), 1u);
}

RUNTIME_TEST(once_rules, ONCE_05_once_value_returns_the_same_object) {
  int computed = 0;
  once_value answer([&] {
    ++computed;
    return std::make_unique<int>(42);
  });
  EXPECT_EQ(computed, 0);
  EXPECT_EQ(*answer(), 42);
  EXPECT_EQ(&answer(), &answer());
  EXPECT_EQ(computed, 1);
}

RUNTIME_TEST(once_rules, ONCE_06_once_value_throws_the_same_exception_each_time) {
  int tried = 0;
  once_value failing([&]() -> int {
    ++tried;
    throw std::runtime_error("no");
  });
  for (int i = 0; i < 3; ++i) EXPECT_THROW(failing(), std::runtime_error);
  EXPECT_EQ(tried, 1);
}

RUNTIME_TEST(once_rules, ONCE_07_the_function_of_a_once_value_dies_after_its_run) {
  auto held = std::make_shared<int>(1);
  once_value v([held] { return *held; });
  EXPECT_EQ(held.use_count(), 2);
  EXPECT_EQ(v(), 1);
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace taut::test
