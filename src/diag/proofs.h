// SPDX-License-Identifier: Apache-2.0
// The verdict on every goroutine of a snapshot.
//
// Proved (T0): nothing that can still happen wakes it. That is so for
//   a wait for ever           nil channel, select without cases or over nil channels only
//   a channel wait            the channel is open and no handle of the direction it needs exists;
//                             select: all cases so
//   a lock wait               the owner, who alone may unlock, has ended, or is itself proved
//                             stuck, or waits in a circle
// Waits that a bound or given context or a deadline ends are never proved. No memory is searched,
// so a proof assumes nothing about it.
//
// Suspected (T1): everybody whom the goroutines' stacks show to be able to wake it is stuck as
// well. A reference elsewhere (a global, the heap, a thread's stack, a file) is not seen for
// objects without a count, and counts against the suspicion for those with one.
//
// Both are complements of a least fixpoint: who may still run, and whom that lets run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "diag/snapshot.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

enum class verdict : std::uint8_t { alive, suspected, proved };

struct proof_options {
  std::int64_t min_age = 0;            // nanoseconds
  std::int64_t min_age_of_shared = 0;  // for wait groups, conditions, semaphores, readers
};

// Handles of a channel that allow what a waiter needs: how many exist, and how many the stuck
// goroutines' own stacks hold.
struct handle_count {
  std::uint32_t exist = 0, on_stuck_stacks = 0;
};

class proofs {
 public:
  // Goroutines that a writer waits for to unlock_shared(), as owners; `all`: no other reads.
  struct reader_list {
    std::uint64_t ids[4] = {};
    std::size_t count = 0;
    bool all = false;
  };

  // `before` was taken earlier than `now`: who moved in between is alive.
  proofs(const snapshot& before, const snapshot& now, const proof_options& wanted);

  verdict of(std::uint32_t goroutine) const noexcept { return verdicts_[goroutine]; }
  std::size_t count(verdict v) const noexcept;
  // What is known of the one case (or the first of a select's) that the goroutine waits for.
  handle_count handles(const channel_record& c, bool needs_senders) const noexcept;
  // The goroutine that holds the lock which the one at index i waits for; none: it has ended, or no
  // lock.
  std::uint32_t owner_of(std::uint32_t i) const noexcept;
  // The lock's owner as a number; 0: no lock, or free.
  std::uint64_t owner_id_of(std::uint32_t i) const noexcept;
  reader_list readers_of(std::uint32_t i) const noexcept;
  // Calls f(goroutine, kind) for everybody whose stack refers to the object, at most `limit`.
  template <class F>
  void for_each_reference(const void* object, std::size_t limit, F&& f) const {
    auto r = first_reference(object);
    for (; limit-- > 0 && r != by_object_.end() && now_.references[*r].object == object; ++r)
      f(now_.references[*r].from, now_.references[*r].kind);
  }
  // Calls f(goroutine) for everybody who points into the goroutine's stack, at most `limit`.
  template <class F>
  void for_each_pointing_into(std::uint32_t goroutine, std::size_t limit, F&& f) const {
    auto r = first_into(goroutine);
    for (; limit-- > 0 && r != by_target_.end() && now_.references[*r].into == goroutine; ++r)
      f(now_.references[*r].from);
  }
  const snapshot& seen() const noexcept { return now_; }

 private:
  bool candidate(std::uint32_t i) const noexcept;
  void prove();
  void suspect();
  bool may_wake_exactly(std::uint32_t i, const std::vector<bool>& alive) const noexcept;
  bool case_possible(const case_record& c) const noexcept;
  bool may_wake_likely(std::uint32_t i, const std::vector<bool>& alive) const noexcept;
  bool readers_may_leave(std::uint32_t i, const std::vector<bool>& alive) const noexcept;
  std::vector<std::uint32_t>::const_iterator first_reference(const void* object) const noexcept;
  std::vector<std::uint32_t>::const_iterator first_into(std::uint32_t goroutine) const noexcept;
  bool shared_may_wake(std::uint32_t i, const std::vector<bool>& alive) const noexcept;
  template <class F>
  bool any_case(const goroutine_record& g, F&& f) const noexcept;

  const snapshot& before_;
  const snapshot& now_;
  const proof_options wanted_;
  std::vector<verdict> verdicts_;
  std::vector<bool> candidates_;
  std::vector<handle_count> sending_, receiving_;     // by channel
  std::vector<std::uint32_t> by_object_, by_target_;  // references, sorted by what they refer to
};

}  // namespace rt
TAUT_END_NAMESPACE
