// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in exclusive.h: acquire that takes the lock.
//   MO-2  as in exclusive.h: release that frees it.
//   MO-3  as in exclusive.h: where it was locked, for diagnosis.
//   MO-4  as in exclusive.h: who waits.
//   MO-5  relaxed: how many workers are idle, to decide whether spinning can help.
#include "sync/exclusive.h"

#include "base/clock.h"
#include "sched/contention.h"
#include "sched/runtime_state.h"
#include "sync/plain_unlock.h"
#include "sync/sema_table.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

using namespace exclusive;

namespace {

constexpr std::int64_t starving_after = 1'000'000;
constexpr int most_spins = 4;
constexpr int pauses_per_spin = 30;

// Spinning helps only while the holder may run on another worker.
bool worth_spinning(int spins) noexcept {
  const runtime_state& r = the_runtime();
  return spins < most_spins && r.target > 1 &&
         r.able.load(std::memory_order_relaxed) - r.idle_count.load(std::memory_order_relaxed) >
             1;  // MO-5
}

void note_addresses(lock_record& m, std::uintptr_t one, std::uintptr_t two) noexcept {
  m.callers[1].store(one, std::memory_order_relaxed);  // MO-3
  m.callers[2].store(two, std::memory_order_relaxed);  // MO-3
}

// By frame pointers, which code without optimization has; anything else that lies there is no
// return address, and is passed over by who looks it up. Reads this stack only.
TAUT_ALWAYS_INLINE __attribute__((no_sanitize("address", "thread"))) void note_callers(
    lock_record& m, std::uintptr_t address) noexcept {
  constexpr std::uintptr_t most_apart = 4096;
  std::uintptr_t outer[2] = {};
  const goroutine* g = current_goroutine();
  auto end = reinterpret_cast<std::uintptr_t>(g->stack_high);
  auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  // lock() itself may have a frame, or not: it does when what it returns to is found above here.
  bool in_lock = true;
  for (int found = 0; found < 2;) {
    if (frame == 0 || frame >= end) break;
    const std::uintptr_t next = *reinterpret_cast<const std::uintptr_t*>(frame);
    if (next <= frame || next - frame > most_apart || next % sizeof next != 0 ||
        next + 2 * sizeof next > end) {
      break;
    }
    const std::uintptr_t returns_to = reinterpret_cast<const std::uintptr_t*>(next)[1];
    frame = next;
    if (!in_lock || returns_to != address) outer[found++] = returns_to;
    in_lock = false;
  }
  note_addresses(m, outer[0], outer[1]);
}

}  // namespace

// A guard that was not inlined has a frame of few words, and its return address on top: with a
// register saved below, or with a frame pointer too. Who asks checks that the word found is one.
TAUT_NOINLINE __attribute__((no_sanitize("address", "thread"))) void note_guard(
    lock_record& m, site where, std::uintptr_t address, const std::uintptr_t* stack) noexcept {
  m.callers[0].store(address, std::memory_order_relaxed);  // MO-3
  if (stack == nullptr) {  // handed over, or taken again by condition::wait(): not this stack
    note_addresses(m, 0, 0);
  } else if (where.data == &detail::system_site) {
    note_addresses(m, stack[1], stack[3]);
  } else {
    note_callers(m, address);
  }
}

namespace {

// Returns when it began to wait; 0: it did not.
std::int64_t wait_for_lock(lock_record& m, std::uint64_t me, site where) {
  goroutine* g = current_goroutine();
  std::int64_t since = 0;         // when it began to wait; 0: it has not
  std::int64_t queued_since = 0;  // this time
  bool hungry = false;            // it waits for over 1 ms
  bool awake = false;             // the woken bit stands for this goroutine
  int spins = 0;
  for (;;) {
    std::uint64_t s = m.state.load(std::memory_order_relaxed);  // MO-4
    if (!is_locked(s) && (s & starving) == 0) {
      const std::uint64_t mine = (awake ? s & ~woken : s) | state_of(me);
      if (m.state.compare_exchange_weak(s, mine, std::memory_order_acquire,
                                        std::memory_order_relaxed))
        return since;  // MO-1
      continue;
    }
    if ((s & starving) == 0 && worth_spinning(spins)) {
      if (!awake && (s & (woken | waiting)) == waiting) {
        awake = m.state.compare_exchange_strong(s, s | woken, std::memory_order_relaxed);  // MO-4
      }
      for (int i = 0; i < pauses_per_spin; ++i) pause();
      ++spins;
      continue;
    }
    const bool first_time = since == 0;
    if (first_time) since = queued_since = now();

    record_wait(g, wait_info{wait_reason::mutex_lock, &m, where});
    sema_wait wait(g, &m, {});
    leave_plain(&m);
    s = m.state.load(std::memory_order_relaxed);  // MO-4
    bool queued = false;
    while (!queued && is_locked(s)) {
      const std::uint64_t next = (awake ? s & ~woken : s) | waiting | (hungry ? starving : 0);
      queued = m.state.compare_exchange_weak(s, next, std::memory_order_relaxed);  // MO-4
    }
    if (!queued) {
      wait.skip();
      continue;
    }
    awake = false;
    if constexpr (records) wait.mine().since = mutexes_are_profiled() ? queued_since : 0;
    const std::uint8_t why = wait.sleep(!first_time, [&](sema_queue& q) {
      if (q.empty()) m.state.fetch_and(~(waiting | starving), std::memory_order_relaxed);  // MO-4
    });
    throw_unless_woken(why);
    queued_since = now();
    hungry = queued_since - since > starving_after;
    if (g->single.success) {
      if (!hungry) m.state.fetch_and(~starving, std::memory_order_relaxed);  // MO-4
      return since;
    }
    awake = true;
    spins = 0;
  }
}

}  // namespace

TAUT_NOINLINE void lock_exclusive_slow(lock_record& m, std::uint64_t me, site where) {
  const std::int64_t since = wait_for_lock(m, me, where);
  if (mutexes_are_profiled() && since != 0) note_mutex(contention::waiter, now() - since, 1);
}

TAUT_NOINLINE void unlock_exclusive_slow(lock_record& m) noexcept {
  std::uint64_t s = m.state.load(std::memory_order_relaxed);  // MO-4
  while ((s & starving) == 0 && (s & (waiting | woken)) != waiting) {
    // Nobody to wake, or somebody is awake.
    if (m.state.compare_exchange_weak(s, s & bits, std::memory_order_release,
                                      std::memory_order_relaxed))
      return;  // MO-2
  }
  sema_queue q(&m);
  waiter* w = q.pop();
  goroutine* g = w == nullptr ? nullptr : w->g;
  const std::uint64_t gone = q.empty() ? waiting | starving : 0;
  const bool profiled = g != nullptr && mutexes_are_profiled();
  const std::int64_t waited = profiled ? charge_waiting(q, w) : 0;
  std::uint64_t next = g == nullptr ? 0 : woken;
  s = m.state.load(std::memory_order_relaxed);  // MO-4
  if (g != nullptr && (s & starving) != 0) {
    w->success = true;
    if constexpr (records) note_place(m, {g->wait_site.load()});
    next = state_of(owner_id(g));
  }
  while (!m.state.compare_exchange_weak(s, (s & bits & ~gone) | next,  // MO-2
                                        std::memory_order_release,
                                        std::memory_order_relaxed)) {  // MO-4
  }
  q.unlock();
  if (g != nullptr) ready(g);
  if (profiled) note_mutex(contention::holder, waited, 1);
}

}  // namespace rt
TAUT_END_NAMESPACE
