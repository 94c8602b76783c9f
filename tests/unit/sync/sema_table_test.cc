// SPDX-License-Identifier: Apache-2.0
// The queues of the semaphore table, and waits that are ended from outside.
#include "sync/sema_table.h"

#include <string>
#include <vector>

#include "sched/registry.h"
#include "sched/unwinding.h"
#include "support/fixture.h"
#include "taut/mutex.h"
#include "taut/shared_mutex.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using namespace rt;

// Waiters of stand-in goroutines that nobody runs.
struct waiters {
  explicit waiters(std::size_t n) : goroutines(n), all(n) {
    for (std::size_t i = 0; i < n; ++i) {
      goroutines[i].id.store(i + 1);
      all[i].g = &goroutines[i];
    }
  }
  waiter& operator[](std::size_t i) { return all[i]; }
  std::string order(const void* address) {
    sema_queue q(address);
    std::string text;
    while (waiter* w = q.pop()) text += std::to_string(w - all.data());
    return text;
  }
  std::vector<goroutine> goroutines;
  std::vector<waiter> all;
};

TEST(sema_table, serves_in_order_and_from_the_front) {
  waiters w(4);
  const int address = 0;
  {
    sema_queue q(&address);
    q.push_back(w[0]);
    q.push_back(w[1]);
    q.push_front(w[2]);
    q.push_back(w[3]);
    EXPECT_EQ(q.front(), &w[2]);
  }
  EXPECT_EQ(w.order(&address), "2013");
  EXPECT_EQ(w[0].queue, nullptr);
}

TEST(sema_table, removes_anywhere) {
  waiters w(5);
  const int address = 0;
  {
    sema_queue q(&address);
    for (std::size_t i = 0; i < 5; ++i) q.push_back(w[i]);
    q.remove(w[0]);
    q.remove(w[2]);
    q.remove(w[4]);
  }
  EXPECT_EQ(w.order(&address), "13");
  sema_queue q(&address);
  EXPECT_TRUE(q.empty());
}

TEST(sema_table, addresses_of_one_bucket_do_not_mix) {
  // Enough addresses that some share a bucket.
  constexpr std::size_t n = 30000;
  std::vector<char> addresses(n);
  waiters w(2 * n);
  for (std::size_t i = 0; i < 2 * n; ++i) sema_queue(&addresses[i % n]).push_back(w[i]);
  for (std::size_t i = 0; i < n; i += 3) sema_queue(&addresses[i]).remove(w[i]);
  for (std::size_t i = 0; i < n; ++i) {
    sema_queue q(&addresses[i]);
    if (i % 3 != 0) {
      EXPECT_EQ(q.pop(), &w[i]);
    }
    EXPECT_EQ(q.pop(), &w[n + i]);
    EXPECT_EQ(q.pop(), nullptr);
  }
}

TEST(sema_table, skips_who_was_interrupted_and_forgets_who_was_abandoned) {
  waiters w(3);
  const int address = 0;
  w[0].claimable = true;  // its claim word is not armed: claimed by another
  w.goroutines[1].id.store(0);
  sema_queue q(&address);
  for (std::size_t i = 0; i < 3; ++i) q.push_back(w[i]);
  EXPECT_EQ(q.pop(), &w[2]);
  EXPECT_EQ(w[1].queue, nullptr);
  EXPECT_EQ(q.front(), &w[0]);
  EXPECT_EQ(q.pop(), nullptr);
  EXPECT_EQ(q.pop_first(), nullptr);
  q.remove(w[0]);
  EXPECT_TRUE(q.empty());
}

// Makes the goroutine that waits for this reason unwind.
void unwind_one(wait_reason reason) {
  the_registry().for_each([&](goroutine& g) {
    if (g.seen_state() == goroutine_state::waiting && g.reason() == reason)
      interrupt_wait(&g, interrupt::unwind);
  });
}

struct unwinding_allowed {
  unwinding_allowed() { allow_unwinding(true); }
  ~unwinding_allowed() { allow_unwinding(false); }
};

RUNTIME_TEST(sema_wait, a_mutex_waiter_can_unwind_in_a_test) {
  const unwinding_allowed on;
  mutex m;
  wait_group all;
  bool unwound = false;
  m.lock();
  all.go([&] {
    struct noted {
      bool& flag;
      ~noted() { flag = true; }
    } at_end{unwound};
    m.lock();
    ADD_FAILURE() << "locked twice";
  });
  until_waiting(wait_reason::mutex_lock);
  unwind_one(wait_reason::mutex_lock);
  all.wait();
  EXPECT_TRUE(unwound);
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

RUNTIME_TEST(sema_wait, a_reader_can_unwind_in_a_test) {
  const unwinding_allowed on;
  shared_mutex m;
  wait_group all;
  m.lock();
  all.go([&] {
    m.lock_shared();
    ADD_FAILURE() << "read while written";
  });
  until_waiting(wait_reason::rwmutex_rlock);
  unwind_one(wait_reason::rwmutex_rlock);
  all.wait();
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

}  // namespace
}  // namespace taut::test
