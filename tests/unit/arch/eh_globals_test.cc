// SPDX-License-Identifier: Apache-2.0
#include "arch/eh_globals.h"

#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace taut::rt {
namespace {

TEST(eh_globals, one_per_thread) {
  eh_globals* mine = thread_eh_globals();
  ASSERT_NE(mine, nullptr);
  EXPECT_EQ(thread_eh_globals(), mine);
  eh_globals* theirs = nullptr;
  std::thread([&] { theirs = thread_eh_globals(); }).join();
  EXPECT_NE(theirs, mine);
}

TEST(eh_globals, shows_what_is_caught_and_what_is_in_flight) {
  eh_globals* e = thread_eh_globals();
  EXPECT_EQ(e->caught, nullptr);
  EXPECT_EQ(e->uncaught, 0u);
  unsigned in_flight = 0;
  struct looker {
    eh_globals* e;
    unsigned& seen;
    ~looker() { seen = e->uncaught; }
  };
  try {
    looker l{e, in_flight};
    throw std::runtime_error("x");
  } catch (const std::exception&) {
    EXPECT_NE(e->caught, nullptr);
    EXPECT_EQ(e->uncaught, 0u);
  }
  EXPECT_EQ(in_flight, 1u);
  EXPECT_EQ(e->caught, nullptr);
}

// What the scheduler does at a switch: the state is taken away, others throw and catch, and it is
// put back.
TEST(eh_globals, can_be_swapped_in_a_handler) {
  eh_globals* e = thread_eh_globals();
  try {
    throw std::runtime_error("first");
  } catch (const std::exception& first) {
    const eh_globals kept = std::exchange(*e, {});
    EXPECT_EQ(std::current_exception(), nullptr);
    try {
      throw 5;
    } catch (int n) {
      EXPECT_EQ(n, 5);
    }
    *e = kept;
    EXPECT_NE(std::current_exception(), nullptr);
    try {
      throw;
    } catch (const std::exception& again) {
      EXPECT_STREQ(again.what(), "first");
      EXPECT_EQ(&again, &first);
    }
  }
  EXPECT_EQ(std::current_exception(), nullptr);
}

TEST(eh_globals, can_be_swapped_while_unwinding) {
  struct swapper {
    ~swapper() {
      eh_globals* e = thread_eh_globals();
      EXPECT_EQ(std::uncaught_exceptions(), 1);
      const eh_globals kept = std::exchange(*e, {});
      EXPECT_EQ(std::uncaught_exceptions(), 0);
      *e = kept;
      EXPECT_EQ(std::uncaught_exceptions(), 1);
    }
  };
  std::string caught;
  try {
    swapper s;
    throw std::runtime_error("in flight");
  } catch (const std::exception& e) {
    caught = e.what();
  }
  EXPECT_EQ(caught, "in flight");
}

}  // namespace
}  // namespace taut::rt
