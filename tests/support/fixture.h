// SPDX-License-Identifier: Apache-2.0
// Tests that need the runtime: one body, run once per configuration (workers 1, 2 and 4; plain,
// force-migrated, perturbed by a seed).
//
//   RUNTIME_TEST(mutex, excludes) {          // the body is a goroutine
//     taut::go([] { ... });
//     EXPECT_EQ(...);
//   }
//   RUNTIME_THREAD_TEST(mutex, ...) { ... }  // the body runs on the main thread, which is no
//                                            // goroutine
//
// After each configuration no goroutine may be left, except as many as leave_behind() announced.
// The first configuration that fails ends the test and is named with the line that replays it:
//   TAUT_TEST_CONFIG   only this configuration, as a failure named it
//   TAUT_TEST_SEED     the seed of the perturbed configurations
//
// gtest's SCOPED_TRACE belongs to a thread and so must not live across anything that parks; EXPECT
// and ASSERT are safe anywhere.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sched/wait_reason.h"
#include "taut/go.h"
#include "taut/panic.h"
#include "taut/runtime.h"

namespace taut::test {

enum class body_on { goroutine, thread };

// Runs the body in every configuration.
void run_everywhere(void (*body)(), body_on where);

// The options of the configuration that runs now.
const options& current_options();

// Says that the body leaves n goroutines parked for ever on purpose.
void leave_behind(std::size_t n);

// How many goroutines and threads wait now for this reason.
std::size_t waiting(rt::wait_reason reason);

inline constexpr int rounds = 2'000'000;

// Lets others run until the condition holds. False, and a failure, when it does not within a
// bounded number of rounds.
template <class Condition>
bool until(Condition&& holds) {
  for (int i = 0; i < rounds; ++i) {
    if (holds()) return true;
    yield();
  }
  ADD_FAILURE() << "what the test waits for did not happen";
  return false;
}

// Lets others run until n goroutines wait for this reason.
inline bool until_waiting(rt::wait_reason reason, std::size_t n = 1) {
  return until([&] { return waiting(reason) >= n; });
}

// Lets others run for a while; to look afterwards that something did not happen.
inline void let_others_run() {
  for (int i = 0; i < 100; ++i) yield();
}

// The text of the panic that f throws; empty when it throws none.
template <class F>
std::string panic_of(F&& f) {
  try {
    f();
  } catch (const panic& p) {
    return p.what();
  }
  return {};
}

}  // namespace taut::test

#define TAUT_RUNTIME_TEST(suite, name, where)                                       \
  static void suite##_##name##_body();                                              \
  TEST(suite, name) { ::taut::test::run_everywhere(suite##_##name##_body, where); } \
  static void suite##_##name##_body()
#define RUNTIME_TEST(suite, name) TAUT_RUNTIME_TEST(suite, name, ::taut::test::body_on::goroutine)
#define RUNTIME_THREAD_TEST(suite, name) \
  TAUT_RUNTIME_TEST(suite, name, ::taut::test::body_on::thread)
