// SPDX-License-Identifier: Apache-2.0
// The last stalls: goroutines that kept their worker for too long, with the place where they were.
//
// Written by the watching thread only, read by anybody without a lock: a reader skips a record that
// changes while it reads.
//
// Memory order
//   MO-1  relaxed, around fences: the sequence number and the record that it guards.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct stall_record {
  static constexpr std::size_t most_frames = 32;

  std::uint64_t number;     // counts all that there were, from 1
  std::uint64_t goroutine;  // id
  std::int64_t began;       // on the scheduler's real clock
  std::int64_t wall;        // when it was seen last, nanoseconds since the epoch
  std::int64_t duration;    // then
  int worker;
  bool blocked;  // in a call; else it computes
  char name[32];
  std::size_t frames;               // 0: they could not be read
  std::uintptr_t pcs[most_frames];  // return addresses, leaf first
};

class stall_log {
 public:
  static constexpr std::size_t most = 64;

  // Watching thread only. A stall that was written before and lasts is written again in its place,
  // and keeps its frames if there are no new ones.
  void write(stall_record r) noexcept;
  // It has ended, or was seen again.
  void lasted(int worker, std::int64_t began, std::int64_t duration) noexcept;

  // Copies the records that there are, oldest first; returns how many.
  std::size_t read(stall_record (&to)[most]) const noexcept;

 private:
  struct slot {
    std::atomic<std::uint32_t> sequence{0};  // odd: it changes
    stall_record record = {};
  };
  slot* find(int worker, std::int64_t began) noexcept;
  void put(slot& to, const stall_record& r) noexcept;

  slot slots_[most];
  std::uint64_t count_ = 0;
};

stall_log& the_stall_log() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
