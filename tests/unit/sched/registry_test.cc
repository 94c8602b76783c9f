// SPDX-License-Identifier: Apache-2.0
#include "sched/registry.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <new>
#include <set>
#include <vector>

#include "sched/current.h"
#include "support/fixture.h"
#include "taut/chan.h"

namespace taut::test {
namespace {

using rt::goroutine;
using rt::registry;

std::vector<goroutine*> take(registry& r, int stack_class, int n) {
  int got = 0;
  std::vector<goroutine*> all;
  for (goroutine* g = r.take(stack_class, n, got); g != nullptr; g = g->next) all.push_back(g);
  EXPECT_EQ(static_cast<int>(all.size()), got);
  return all;
}

void give(registry& r, int stack_class, const std::vector<goroutine*>& all) {
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i]->next = i + 1 < all.size() ? all[i + 1] : nullptr;
  r.give(all.front(), stack_class);
}

std::size_t touched(const goroutine* g) { return rt::touched_stack(g->stack_low, g->stack_high); }

TEST(registry, classes_are_powers_of_two) {
  EXPECT_EQ(rt::stack_class_for(0), 0);
  EXPECT_EQ(rt::stack_class_for(rt::least_stack), 0);
  EXPECT_EQ(rt::stack_class_for(rt::least_stack + 1), 1);
  EXPECT_EQ(rt::stack_class_for(std::size_t{64} << 10), 2);
  EXPECT_EQ(rt::stack_class_for(rt::least_stack << (rt::stack_classes - 1)), rt::stack_classes - 1);
  EXPECT_EQ(rt::stack_class_for((rt::least_stack << (rt::stack_classes - 1)) + 1), -1);
  EXPECT_EQ(rt::stack_class_for(~std::size_t{0}), -1);
}

TEST(registry, each_slot_has_a_stack_and_a_number_of_its_own) {
  auto r = std::make_unique<registry>();
  std::set<std::uint32_t> slots;
  std::set<std::byte*> stacks;
  for (int c : {0, 2, 0}) {
    for (goroutine* g : take(*r, c, 100)) {
      EXPECT_TRUE(slots.insert(g->slot).second);
      EXPECT_TRUE(stacks.insert(g->stack_low).second);
      EXPECT_EQ(static_cast<std::size_t>(g->stack_high - g->stack_low), rt::least_stack << c);
      EXPECT_EQ(g->stack_class, c);
      EXPECT_FALSE(g->is_thread);
      std::memset(g->stack_high - 64, 1, 64);
    }
  }
  EXPECT_EQ(slots.size(), 300u);
}

TEST(registry, the_one_given_back_last_is_taken_first) {
  auto r = std::make_unique<registry>();
  auto all = take(*r, 0, 10);
  give(*r, 0, {all[3]});
  give(*r, 0, {all[7]});
  EXPECT_EQ(r->count().warm, 2u);
  EXPECT_EQ(take(*r, 0, 1).front(), all[7]);
  EXPECT_EQ(take(*r, 0, 1).front(), all[3]);
  EXPECT_EQ(r->count().warm, 0u);
  // One class does not serve another.
  give(*r, 0, all);
  const goroutine* larger = take(*r, 1, 1).front();
  EXPECT_EQ(static_cast<std::size_t>(larger->stack_high - larger->stack_low), rt::least_stack << 1);
  EXPECT_EQ(r->count().warm, 10u);
}

TEST(registry, trim_gives_back_what_stayed_unused) {
  auto r = std::make_unique<registry>();
  auto all = take(*r, 0, 1000);
  ASSERT_EQ(all.size(), 1000u);
  for (goroutine* g : all)
    std::memset(g->stack_low, 1, static_cast<std::size_t>(g->stack_high - g->stack_low));
  give(*r, 0, all);
  r->trim();  // they were in use since the last look
  EXPECT_EQ(r->count().cold, 0u);
  for (int i = 0; i < 40; ++i) r->trim();
  const auto settled = r->count();
  EXPECT_GT(settled.cold, 800u);
  EXPECT_GE(settled.warm, 64u);  // a reserve stays
  EXPECT_EQ(settled.warm + settled.cold, 1000u);
  std::size_t pages_back = 0;
  for (goroutine* g : all) pages_back += touched(g) == 0;
  EXPECT_EQ(pages_back, settled.cold);

  // Warm ones serve first, then cold ones, before any slot that nobody had.
  const auto again = take(*r, 0, 1000);
  ASSERT_EQ(again.size(), 1000u);
  for (std::size_t i = 0; i < settled.warm; ++i) EXPECT_NE(touched(again[i]), 0u);
  EXPECT_EQ(std::set<goroutine*>(again.begin(), again.end()),
            std::set<goroutine*>(all.begin(), all.end()));
  EXPECT_EQ(r->count().cold, 0u);
}

TEST(registry, trim_leaves_what_was_needed_since_the_last_look) {
  auto r = std::make_unique<registry>();
  auto all = take(*r, 0, 1000);
  give(*r, 0, all);
  for (int i = 0; i < 5; ++i) {
    r->trim();
    give(*r, 0, take(*r, 0, 1000));  // a burst between any two looks
  }
  EXPECT_EQ(r->count().cold, 0u);
}

TEST(registry, for_each_sees_every_slot_that_was_ever_used) {
  auto r = std::make_unique<registry>();
  auto all = take(*r, 0, 200);
  auto more = take(*r, 3, 5);
  goroutine* thread = r->take_thread();
  give(*r, 0, all);
  std::set<const goroutine*> seen;
  r->for_each([&](const goroutine& g) { EXPECT_TRUE(seen.insert(&g).second); });
  EXPECT_EQ(seen.size(), 206u);
  for (goroutine* g : all) EXPECT_EQ(seen.count(g), 1u);
  for (goroutine* g : more) EXPECT_EQ(seen.count(g), 1u);
  EXPECT_EQ(seen.count(thread), 1u);
}

TEST(registry, finds_the_slab_of_an_address) {
  auto r = std::make_unique<registry>();
  goroutine* g = take(*r, 0, 1).front();
  const auto low = reinterpret_cast<std::uintptr_t>(g->stack_low);
  const rt::goroutine_slab* slab = r->find_stack(low);
  ASSERT_NE(slab, nullptr);
  EXPECT_EQ(r->find_stack(reinterpret_cast<std::uintptr_t>(g->stack_high) - 1), slab);
  EXPECT_EQ(r->find_stack(low - 1), slab);  // the guard
  int here = 0;
  EXPECT_EQ(r->find_stack(reinterpret_cast<std::uintptr_t>(&here)), nullptr);
  EXPECT_EQ(r->find_stack(0), nullptr);
}

TEST(registry, stand_ins_of_threads_have_no_stack_and_are_used_again) {
  auto r = std::make_unique<registry>();
  goroutine* a = r->take_thread();
  goroutine* b = r->take_thread();
  EXPECT_NE(a, b);
  EXPECT_TRUE(a->is_thread);
  EXPECT_EQ(a->stack_low, nullptr);
  r->give_thread(a);
  EXPECT_EQ(r->take_thread(), a);
}

RUNTIME_TEST(registry, a_goroutine_gets_the_class_it_asks_for) {
  for (std::size_t wanted :
       {std::size_t{1}, std::size_t{16} << 10, std::size_t{100'000}, std::size_t{1} << 20}) {
    chan<std::size_t> told(0);
    go({.stack = wanted}, [=] {
      const goroutine* g = rt::current_goroutine();
      told.send(static_cast<std::size_t>(g->stack_high - g->stack_low));
    });
    const std::size_t got = *told.recv();
    EXPECT_EQ(got, rt::least_stack << rt::stack_class_for(wanted));
    EXPECT_GE(got, wanted);
  }
  EXPECT_THROW(go({.stack = std::size_t{1} << 40}, [] {}), std::bad_alloc);
}

}  // namespace
}  // namespace taut::test
