// SPDX-License-Identifier: Apache-2.0
// What the MUTEX rules do not say: facts for diagnosis, modes, and life and death of the object.
#include "taut/mutex.h"

#include <memory>
#include <mutex>

#include "support/fixture.h"
#include "sync/exclusive.h"
#include "taut/chan.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

const detail::lock_record& record_of(const mutex& m) {
  return reinterpret_cast<const detail::lock_record&>(m);
}
std::uint64_t owner_of(const mutex& m) { return detail::owner_of(record_of(m).state.load()); }

RUNTIME_TEST(mutex, knows_its_owner_and_place) {
  mutex m;
  EXPECT_EQ(owner_of(m), 0u);
  m.lock();
  const unsigned line = __LINE__ - 1;
  EXPECT_EQ(owner_of(m), this_goroutine::id());
  const detail::site where = record_of(m).where.load();
  EXPECT_STREQ(where->file, __FILE__);
  EXPECT_EQ(where->line, line);
  m.unlock();
  EXPECT_EQ(owner_of(m), 0u);
}

RUNTIME_THREAD_TEST(mutex, a_thread_is_an_owner_of_its_own) {
  mutex m;
  m.lock();
  EXPECT_NE(owner_of(m) & rt::thread_owner, 0u);
  m.unlock();
}

RUNTIME_TEST(mutex, is_free_and_quiet_after_contention) {
  mutex m;
  wait_group all;
  for (int i = 0; i < 16; ++i) {
    all.go([&] {
      for (int n = 0; n < 50; ++n) {
        std::scoped_lock hold(m);
        if (n % 4 == 0) yield();
      }
    });
  }
  all.wait();
  EXPECT_EQ(record_of(m).state.load(), 0u);
}

// Its loop has no other place where it could give way to what cannot run elsewhere.
RUNTIME_TEST(mutex, is_where_a_hog_steps_back) {
  mutex m;
  chan<int> begin(1);
  std::atomic<bool> ran{false};
  wait_group all;
  all.add(1);
  go({.pinned = true}, [&] {
    begin.recv();
    ran.store(true);
    all.done();
  });
  until_waiting(rt::wait_reason::chan_receive);
  all.go([&] {
    begin.send(1);
    while (!ran.load()) {
      m.lock();
      m.unlock();
    }
  });
  all.wait();
}

// The one that unlocks must not touch the mutex once another could lock it.
RUNTIME_TEST(mutex, may_be_destroyed_by_who_locks_last) {
  for (int i = 0; i < 200; ++i) {
    auto m = std::make_unique<mutex>();
    mutex& shared = *m;
    wait_group first;
    std::atomic<bool> locked{false};
    first.go([&] {
      shared.lock();
      locked.store(true);
      yield();
      shared.unlock();
    });
    until([&] { return locked.load(); });
    shared.lock();
    shared.unlock();
    m.reset();
    first.wait();
  }
}

}  // namespace
}  // namespace taut::test
