// SPDX-License-Identifier: Apache-2.0
// The log of stalls: bounded, one record per stall, readable while it is written.
#include "sched/stalls.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace taut::rt {
namespace {

stall_record record_of(int worker, std::int64_t began) {
  stall_record r = {};
  r.worker = worker;
  r.began = began;
  r.goroutine = static_cast<std::uint64_t>(began);
  r.duration = began;
  return r;
}

TEST(stalls, the_last_64_are_kept_in_their_order) {
  stall_log log;
  stall_record all[stall_log::most];
  EXPECT_EQ(log.read(all), 0u);
  for (int i = 1; i <= 100; ++i) log.write(record_of(0, i));
  ASSERT_EQ(log.read(all), stall_log::most);
  for (std::size_t i = 0; i < stall_log::most; ++i) {
    EXPECT_EQ(all[i].number, i + 37);
    EXPECT_EQ(all[i].began, static_cast<std::int64_t>(i + 37));
  }
}

TEST(stalls, one_that_lasts_is_one_record) {
  stall_log log;
  stall_record r = record_of(1, 5), all[stall_log::most];
  r.frames = 1;
  r.pcs[0] = 0x1234;
  log.write(r);
  log.write(record_of(2, 5));
  r.frames = 0;
  r.duration = 50;
  log.write(r);
  ASSERT_EQ(log.read(all), 2u);
  EXPECT_EQ(all[0].duration, 50);
  ASSERT_EQ(all[0].frames, 1u);
  EXPECT_EQ(all[0].pcs[0], 0x1234u);
  log.lasted(1, 5, 70);
  log.lasted(1, 6, 80);  // not known
  ASSERT_EQ(log.read(all), 2u);
  EXPECT_EQ(all[0].duration, 70);
  EXPECT_EQ(all[1].duration, 5);
}

TEST(stalls, a_reader_never_sees_half_of_one) {
  const auto log = std::make_unique<stall_log>();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::int64_t i = 1; !stop; ++i) log->write(record_of(0, i));
  });
  const auto all = std::make_unique<stall_record[]>(stall_log::most);
  auto& room = *reinterpret_cast<stall_record(*)[stall_log::most]>(all.get());
  for (int i = 0; i < 2000; ++i) {
    const std::size_t n = log->read(room);
    for (std::size_t j = 0; j < n; ++j) {
      EXPECT_EQ(room[j].began, room[j].duration);
      EXPECT_EQ(room[j].goroutine, static_cast<std::uint64_t>(room[j].began));
    }
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace taut::rt
