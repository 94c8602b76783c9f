// SPDX-License-Identifier: Apache-2.0
// The POOL rules of docs/semantics.md.
#include "taut/pool.h"

#include <atomic>
#include <memory>
#include <vector>

#include "support/fixture.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

struct counted {
  explicit counted(std::atomic<int>& n) : alive(n) { ++alive; }
  ~counted() { --alive; }
  std::atomic<int>& alive;
  std::atomic<bool> in_use{false};
};

RUNTIME_TEST(pool_rules, POOL_01_get_returns_what_was_put_or_something_new) {
  int made = 0;
  pool<int> p([&] {
    ++made;
    return std::make_unique<int>(made);
  });
  const pin stay;  // the slots belong to workers
  int* first = nullptr;
  {
    auto a = p.get();
    first = a.get();
    auto b = p.get();
    EXPECT_NE(a.get(), b.get());
    EXPECT_EQ(made, 2);
  }
  auto c = p.get();
  auto d = p.get();
  EXPECT_EQ(made, 2);
  EXPECT_TRUE(c.get() == first || d.get() == first);
}

RUNTIME_TEST(pool_rules, POOL_02_no_object_is_given_to_two) {
  std::atomic<int> alive{0};
  {
    pool<counted> p([&] { return std::make_unique<counted>(alive); });
    wait_group all;
    for (int i = 0; i < 8; ++i) {
      all.go([&] {
        for (int n = 0; n < 100; ++n) {
          auto c = p.get();
          EXPECT_FALSE(c->in_use.exchange(true));
          if (n % 8 == 0) yield();
          c->in_use.store(false);
        }
      });
    }
    all.wait();
  }
  EXPECT_EQ(alive.load(), 0);
}

RUNTIME_TEST(pool_rules, POOL_03_it_is_bounded) {
  std::atomic<int> alive{0};
  pool<counted> p([&] { return std::make_unique<counted>(alive); });
  {
    std::vector<pool<counted>::pointer> many;
    for (int i = 0; i < 2000; ++i) many.push_back(p.get());
    EXPECT_EQ(alive.load(), 2000);
  }
  EXPECT_LE(alive.load(), 15 * 8);
  EXPECT_GT(alive.load(), 0);
  p.clear();
  EXPECT_EQ(alive.load(), 0);
}

RUNTIME_TEST(pool_rules, POOL_04_an_object_may_be_kept_or_added) {
  std::atomic<int> alive{0};
  pool<counted> p([&] { return std::make_unique<counted>(alive); });
  std::unique_ptr<counted> kept(p.get().release());
  p.clear();
  EXPECT_EQ(alive.load(), 1);
  p.put(std::move(kept));
  p.put(nullptr);
  EXPECT_EQ(alive.load(), 1);
}

}  // namespace
}  // namespace taut::test
