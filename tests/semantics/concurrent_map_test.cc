// SPDX-License-Identifier: Apache-2.0
// The MAP rules of docs/semantics.md.
#include "taut/concurrent_map.h"

#include <set>
#include <string>

#include "support/fixture.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

RUNTIME_TEST(concurrent_map_rules, MAP_01_load_sees_the_last_store) {
  concurrent_map<std::string, int> m;
  EXPECT_FALSE(m.load("a").has_value());
  m.store("a", 1);
  m.store("a", 2);
  EXPECT_EQ(m.load("a"), 2);
  EXPECT_TRUE(m.contains("a"));
  EXPECT_FALSE(m.contains("b"));
  EXPECT_EQ(m.size(), 1u);
}

RUNTIME_TEST(concurrent_map_rules, MAP_02_one_of_many_load_or_stores_stores) {
  concurrent_map<int, int> m;
  wait_group all;
  std::atomic<int> stored{0};
  for (int i = 0; i < 8; ++i) {
    all.go([&, i] {
      for (int key = 0; key < 50; ++key) {
        const auto [value, loaded] = m.load_or_store(key, i);
        if (!loaded) ++stored;
        EXPECT_EQ(m.load(key), value);
      }
    });
  }
  all.wait();
  EXPECT_EQ(stored.load(), 50);
}

RUNTIME_TEST(concurrent_map_rules, MAP_03_one_of_many_load_and_deletes_gets_it) {
  concurrent_map<int, int> m;
  for (int key = 0; key < 50; ++key) m.store(key, key);
  wait_group all;
  std::atomic<int> got{0};
  for (int i = 0; i < 4; ++i) {
    all.go([&] {
      for (int key = 0; key < 50; ++key) got += m.load_and_delete(key).has_value();
    });
  }
  all.wait();
  EXPECT_EQ(got.load(), 50);
  EXPECT_EQ(m.size(), 0u);
  EXPECT_FALSE(m.erase(1));
}

RUNTIME_TEST(concurrent_map_rules, MAP_04_compare_and_swap_is_atomic) {
  concurrent_map<int, int> m;
  EXPECT_FALSE(m.compare_and_swap(1, 0, 1));
  m.store(1, 0);
  wait_group all;
  for (int i = 0; i < 4; ++i) {
    all.go([&] {
      for (int n = 0; n < 100; ++n) {
        for (int seen = *m.load(1); !m.compare_and_swap(1, seen, seen + 1); seen = *m.load(1)) {
        }
      }
    });
  }
  all.wait();
  EXPECT_EQ(m.load(1), 400);
  EXPECT_FALSE(m.compare_and_delete(1, 0));
  EXPECT_TRUE(m.compare_and_delete(1, 400));
  EXPECT_EQ(m.swap(1, 5), std::nullopt);
  EXPECT_EQ(m.swap(1, 6), 5);
}

RUNTIME_TEST(concurrent_map_rules,
             MAP_05_range_gives_each_key_at_most_once_and_may_change_the_map) {
  concurrent_map<int, int> m;
  for (int key = 0; key < 200; ++key) m.store(key, -key);
  std::set<int> seen;
  m.range([&](int key, int value) {
    EXPECT_TRUE(key >= 1000 || value == -key);
    EXPECT_TRUE(seen.insert(key).second);
    m.erase(key);
    m.store(1000 + key, 0);
    return seen.size() < 100;
  });
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(m.size(), 200u);
}

RUNTIME_TEST(concurrent_map_rules, MAP_06_clear_removes_everything) {
  concurrent_map<int, std::string> m;
  for (int key = 0; key < 100; ++key) m.store(key, "x");
  m.clear();
  EXPECT_EQ(m.size(), 0u);
  EXPECT_FALSE(m.load(5).has_value());
}

}  // namespace
}  // namespace taut::test
