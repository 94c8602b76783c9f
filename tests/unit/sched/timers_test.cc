// SPDX-License-Identifier: Apache-2.0
// The heap of deadlines against a multimap.
#include "sched/timers.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "base/random.h"

namespace taut::rt {
namespace {

struct logged : timer {
  std::vector<logged*>* log = nullptr;
  std::int64_t again = no_deadline;
};

std::int64_t write_down(timer& t, std::int64_t) {
  auto& mine = static_cast<logged&>(t);
  mine.log->push_back(&mine);
  const std::int64_t next = mine.again;
  mine.again = no_deadline;
  return next;
}

TEST(timer_heap, agrees_with_a_multimap) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    random r(seed);
    timer_heap heap;
    std::vector<logged*> log;
    std::vector<std::unique_ptr<logged>> timers;
    for (int i = 0; i < 60; ++i) {
      timers.push_back(std::make_unique<logged>());
      timers.back()->fire = write_down;
      timers.back()->log = &log;
    }
    std::multimap<std::int64_t, logged*> model;
    std::int64_t time = 0;
    for (int step = 0; step < 3000; ++step) {
      logged* t = timers[r.below(60)].get();
      auto known = model.begin();
      while (known != model.end() && known->second != t) ++known;
      switch (r.below(4)) {
        case 0:
        case 1:
          if (known == model.end()) {
            const std::int64_t deadline = time + r.below(100);
            heap.arm(*t, deadline);
            model.emplace(deadline, t);
          }
          break;
        case 2:
          EXPECT_EQ(heap.disarm(*t), known != model.end());
          if (known != model.end()) model.erase(known);
          break;
        default: {
          time += r.below(20);
          log.clear();
          std::vector<std::int64_t> due;
          const auto end = model.upper_bound(time);
          for (auto at = model.begin(); at != end; ++at) due.push_back(at->first);
          EXPECT_EQ(heap.run_due(time), static_cast<int>(due.size()));
          ASSERT_EQ(log.size(), due.size());
          for (std::size_t i = 0; i < log.size(); ++i) EXPECT_EQ(log[i]->deadline, due[i]);
          model.erase(model.begin(), end);
        }
      }
      EXPECT_EQ(heap.size(), model.size());
      EXPECT_EQ(heap.earliest(), model.empty() ? no_deadline : model.begin()->first);
    }
    for (auto& t : timers) heap.disarm(*t);
  }
}

TEST(timer_heap, fires_again_when_asked) {
  timer_heap heap;
  std::vector<logged*> log;
  logged t;
  t.fire = write_down;
  t.log = &log;
  t.again = 30;
  heap.arm(t, 10);
  EXPECT_EQ(heap.run_due(9), 0);
  EXPECT_EQ(heap.run_due(10), 1);
  EXPECT_EQ(heap.earliest(), 30);
  EXPECT_EQ(heap.run_due(100), 1);
  EXPECT_EQ(heap.earliest(), no_deadline);
  EXPECT_EQ(log.size(), 2u);
}

TEST(timer_heap, background_timers_are_counted_apart) {
  timer_heap heap;
  logged t, quiet;
  quiet.background = true;
  heap.arm(t, 1);
  heap.arm(quiet, 2);
  EXPECT_EQ(heap.size(), 2u);
  EXPECT_EQ(heap.foreground(), 1u);
  EXPECT_TRUE(heap.disarm(t));
  EXPECT_FALSE(heap.disarm(t));
  EXPECT_EQ(heap.foreground(), 0u);
  EXPECT_TRUE(heap.disarm(quiet));
}

}  // namespace
}  // namespace taut::rt
