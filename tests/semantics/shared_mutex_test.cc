// SPDX-License-Identifier: Apache-2.0
// The RWMUTEX rules of docs/semantics.md.
#include "taut/shared_mutex.h"

#include <deque>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "support/fixture.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_01_readers_share) {
  shared_mutex m;
  wait_group all;
  std::atomic<int> inside{0};
  for (int i = 0; i < 3; ++i) {
    all.go([&] {
      std::shared_lock hold(m);
      ++inside;
      until([&] { return inside.load() == 3; });
    });
  }
  all.wait();
}

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_02_a_writer_excludes_everybody) {
  shared_mutex m;
  wait_group all;
  int value = 0;
  for (int i = 0; i < 6; ++i) {
    all.go([&, i] {
      for (int n = 0; n < 100; ++n) {
        if (i % 3 == 0) {
          std::scoped_lock hold(m);
          ++value;
          if (n % 16 == 0) yield();
          ++value;
        } else {
          std::shared_lock hold(m);
          if (n % 16 == 0) yield();
          EXPECT_EQ(value % 2, 0);
        }
      }
    });
  }
  all.wait();
  EXPECT_EQ(value, 400);
}

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_03_a_waiting_writer_holds_back_new_readers) {
  shared_mutex m;
  wait_group all;
  std::string order;
  m.lock_shared();
  all.go([&] {
    std::scoped_lock hold(m);
    order += "w";
  });
  until_waiting(wait_reason::rwmutex_lock);
  EXPECT_FALSE(m.try_lock_shared());
  all.go([&] {
    std::shared_lock hold(m);
    order += "r";
  });
  until_waiting(wait_reason::rwmutex_rlock);
  m.unlock_shared();
  all.wait();
  EXPECT_EQ(order, "wr");
}

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_04_readers_held_back_go_before_the_next_writer) {
  shared_mutex m;
  wait_group all;
  std::atomic<int> read{0};
  m.lock();
  all.go([&] {
    std::scoped_lock hold(m);
    EXPECT_EQ(read.load(), 3);
  });
  until_waiting(wait_reason::mutex_lock);
  for (int i = 0; i < 3; ++i) {
    all.go([&] {
      std::shared_lock hold(m);
      ++read;
    });
  }
  until_waiting(wait_reason::rwmutex_rlock, 3);
  m.unlock();
  all.wait();
}

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_05_unlock_shared_of_unlocked_panics) {
  shared_mutex m;
  EXPECT_EQ(panic_of([&] { m.unlock_shared(); }), "sync: RUnlock of unlocked RWMutex");
  m.lock();
  EXPECT_EQ(panic_of([&] { m.unlock_shared(); }), "sync: RUnlock of unlocked RWMutex");
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_06_unlock_of_unlocked_panics) {
  shared_mutex m;
  EXPECT_EQ(panic_of([&] { m.unlock(); }), "sync: Unlock of unlocked RWMutex");
  m.lock_shared();
  EXPECT_EQ(panic_of([&] { m.unlock(); }), "sync: Unlock of unlocked RWMutex");
  m.unlock_shared();
}

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_07_unlock_of_anothers_write_lock_panics) {
  shared_mutex m;
  wait_group other;
  m.lock();
  other.go([&] {
    EXPECT_EQ(panic_of([&] { m.unlock(); }),
              "sync: Unlock of an RWMutex that another goroutine holds");
  });
  other.wait();
  m.unlock();
}

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_08_try_forms_never_wait) {
  shared_mutex m;
  EXPECT_TRUE(m.try_lock_shared());
  EXPECT_TRUE(m.try_lock_shared());
  EXPECT_FALSE(m.try_lock());
  m.unlock_shared();
  m.unlock_shared();
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(m.try_lock());
  EXPECT_FALSE(m.try_lock_shared());
  m.unlock();
}

RUNTIME_TEST(shared_mutex_rules, RWMUTEX_09_a_second_read_lock_behind_a_writer_blocks_for_ever) {
  static std::deque<shared_mutex> kept;
  shared_mutex& m = kept.emplace_back();
  leave_behind(2);
  go([&] {
    m.lock_shared();
    until_waiting(wait_reason::rwmutex_lock);
    m.lock_shared();
    ADD_FAILURE() << "a read lock overtook a waiting writer";
  });
  go([&] {
    until([&] { return !m.try_lock() || (m.unlock(), false); });
    m.lock();
    ADD_FAILURE() << "a writer overtook a reader";
  });
  // Both: the reader may wait for the writer's try_lock() first.
  until([&] {
    return waiting(wait_reason::rwmutex_rlock) == 1 && waiting(wait_reason::rwmutex_lock) == 1;
  });
  let_others_run();
  EXPECT_EQ(waiting(wait_reason::rwmutex_rlock), 1u);
  EXPECT_EQ(waiting(wait_reason::rwmutex_lock), 1u);
}

}  // namespace
}  // namespace taut::test
