// SPDX-License-Identifier: Apache-2.0
// A mutex freed by a plain store: when it may be, and that no waiter is ever forgotten.
#include "sync/plain_unlock.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "support/fixture.h"
#include "taut/mutex.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

bool is_plain(const mutex& m) { return rt::unlock_slot(&m).load() == rt::plain; }

// One in whose bucket nobody waits, its slot plain.
mutex& plain_one(std::array<mutex, 4>& of) {
  for (mutex& m : of) {
    rt::try_plain(&m);
    if (is_plain(m)) return m;
  }
  ADD_FAILURE() << "no slot becomes plain: is membarrier() forbidden here?";
  return of[0];
}

RUNTIME_TEST(plain_unlock, begins_once_nobody_has_waited_for_long) {
  std::array<mutex, 4> some;
  mutex& m = plain_one(some);
  rt::unlock_slot(&m).store(rt::patience);
  for (int i = 1; i < rt::patience; ++i) {
    rt::lock_exclusive(reinterpret_cast<detail::lock_record&>(m), {});
    rt::unlock_plainly(reinterpret_cast<detail::lock_record&>(m));
    ASSERT_FALSE(is_plain(m)) << i;
  }
  m.lock();
  rt::unlock_plainly(reinterpret_cast<detail::lock_record&>(m));
  EXPECT_TRUE(is_plain(m));
  m.lock();
  rt::unlock_plainly(reinterpret_cast<detail::lock_record&>(m));
  EXPECT_EQ(reinterpret_cast<detail::lock_record&>(m).state.load(), 0u);
}

RUNTIME_TEST(plain_unlock, ends_when_somebody_waits) {
  std::array<mutex, 4> some;
  mutex& m = plain_one(some);
  m.lock();
  wait_group waiter;
  waiter.go([&] {
    m.lock();
    m.unlock();
  });
  until_waiting(rt::wait_reason::mutex_lock);
  EXPECT_FALSE(is_plain(m));
  rt::try_plain(&m);
  EXPECT_FALSE(is_plain(m)) << "with a waiter in its bucket";
  m.unlock();
  waiter.wait();
  EXPECT_EQ(reinterpret_cast<detail::lock_record&>(m).state.load(), 0u);
}

// The store of an unlock() that began before somebody waited, and that wiped who waits.
RUNTIME_TEST(plain_unlock, a_store_that_came_late_is_repaired) {
  mutex m;
  auto& record = reinterpret_cast<detail::lock_record&>(m);
  m.lock();
  wait_group waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.go([&] {
      m.lock();
      m.unlock();
    });
  }
  until_waiting(rt::wait_reason::mutex_lock, 3);
  record.state.store(0);
  rt::repair_unlock(record);
  waiters.wait();
  EXPECT_EQ(record.state.load(), 0u);
}

// As above, and another locked it meanwhile: it is that one who wakes.
RUNTIME_TEST(plain_unlock, a_late_store_under_a_new_owner_is_repaired) {
  mutex m;
  auto& record = reinterpret_cast<detail::lock_record&>(m);
  m.lock();
  wait_group waiter;
  waiter.go([&] {
    m.lock();
    m.unlock();
  });
  until_waiting(rt::wait_reason::mutex_lock);
  record.state.store(detail::state_of(this_goroutine::id()));
  rt::repair_unlock(record);
  EXPECT_NE(record.state.load() & rt::exclusive::waiting, 0u);
  m.unlock();
  waiter.wait();
}

// The store comes between the waiter's look and its own: the waiter is queued, the state says
// nobody is.
RUNTIME_TEST(plain_unlock, a_store_beside_a_slot_that_is_not_plain_is_repaired) {
  mutex m;
  auto& record = reinterpret_cast<detail::lock_record&>(m);
  m.lock();
  wait_group waiter;
  waiter.go([&] {
    m.lock();
    m.unlock();
  });
  until_waiting(rt::wait_reason::mutex_lock);
  ASSERT_FALSE(is_plain(m));
  rt::unlock_plainly(record);
  waiter.wait();
  EXPECT_EQ(record.state.load(), 0u);
}

RUNTIME_TEST(plain_unlock, does_not_touch_a_mutex_nobody_waits_for) {
  // Where the record was is no memory now.
  rt::repair_unlock(*reinterpret_cast<detail::lock_record*>(std::uintptr_t{4096}));
}

// The slot changes sides all the time, below goroutines that wait, spin and pass it on.
RUNTIME_TEST(plain_unlock, forgets_nobody_while_its_slot_changes_sides) {
  mutex m;
  std::int64_t count = 0;
  std::atomic<bool> stop{false};
  std::thread changes([&] {
    while (!stop.load()) rt::try_plain(&m);
  });
  constexpr int goroutines = 8, rounds = 400;
  wait_group all;
  for (int i = 0; i < goroutines; ++i) {
    all.go([&, i] {
      for (int n = 0; n < rounds; ++n) {
        m.lock();
        ++count;
        if ((n + i) % 16 == 0) yield();
        m.unlock();
      }
    });
  }
  all.wait();
  stop.store(true);
  changes.join();
  EXPECT_EQ(count, goroutines * rounds);
}

}  // namespace
}  // namespace taut::test
