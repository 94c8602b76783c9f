// SPDX-License-Identifier: Apache-2.0
// wait_group: a counter, and a bit that says that somebody waits until it is zero.
//
// Invariants, whenever the bucket of the group's address is unlocked
//   The bit is set only while the counter is positive, and then somebody is queued.
//
// The step that makes the counter zero clears the bit and empties the queue in one locked section,
// and is the last access of done() to the group. So the two races that Go's WaitGroup panics for
// (an add that overtakes a wait, a group used again before an earlier wait returned) do no harm
// here: a wait ends when the counter was zero once after it began.
#include "taut/wait_group.h"

#include <cstddef>

#include "base/check.h"
#include "base/recording.h"
#include "base/store_if_changed.h"
#include "sync/sema_table.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

namespace {

constexpr std::uint64_t waited_for = 1;

std::int32_t counter(std::uint64_t state) noexcept {
  return static_cast<std::int32_t>(state >> 32);
}
std::uint64_t with_counter(std::uint64_t state, std::int32_t n) noexcept {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(n)) << 32 | (state & waited_for);
}

// Waits on `state` until the counter is zero. Returns 0 or the interrupt.
std::uint8_t wait_zero(std::atomic<std::uint64_t>& state, goroutine* g, const wait_group* group,
                       const wait_limits& limits) noexcept {
  sema_wait wait(g, group, limits);
  std::uint64_t s = state.load();
  do {
    if (counter(s) == 0) {
      wait.skip();
      return 0;
    }
  } while (!state.compare_exchange_weak(s, s | waited_for));
  return wait.sleep(false, [&](sema_queue& q) {
    if (q.empty()) state.fetch_and(~waited_for);
  });
}

}  // namespace

wait_group::~wait_group() {
  if (TAUT_UNLIKELY((state_.load() & waited_for) != 0) && has_waiters(this)) {
    fatal("a wait_group was destroyed while a goroutine waits for it");
  }
}

// Which nobody waits for, or which stays above zero; no call, few registers.
TAUT_ALWAYS_INLINE void wait_group::change(int n) {
  if (TAUT_LIKELY(!choice_point_wanted())) {
    std::uint64_t s = state_.load();
    std::int32_t after = 0;
    if (TAUT_LIKELY(!__builtin_add_overflow(counter(s), n, &after) && after >= 0 &&
                    (after != 0 || (s & waited_for) == 0) &&
                    state_.compare_exchange_weak(s, with_counter(s, after)))) {
      return;
    }
  }
  change_slowly(n);
}

// The place before the state is read: what is between that and the exchange makes it fail.
void wait_group::raise(int n, site where) {
  if constexpr (records) store_if_changed(added_, where);
  change(n);
}
void wait_group::lower(int n, site where) {
  static_assert(alignof(wait_group) == 16 && offsetof(wait_group, done_) == 8,
                "what done() touches is one line");
  if constexpr (records) store_if_changed(done_, where);
  change(n);
}
void wait_group::end_member() { change(-1); }

void wait_group::change_slowly(int n) {
  choice_point();
  std::uint64_t s = state_.load();
  for (;;) {
    std::int32_t after = 0;
    if (TAUT_UNLIKELY(__builtin_add_overflow(counter(s), n, &after) || after < 0)) {
      throw panic(n < 0 ? "sync: negative WaitGroup counter" : "sync: WaitGroup counter overflow");
    }
    if (after != 0 || (s & waited_for) == 0) {
      if (state_.compare_exchange_weak(s, with_counter(s, after))) return;
      continue;
    }
    wake_list waiters;
    {
      sema_queue q(this);
      if (!state_.compare_exchange_strong(s, 0)) continue;
      while (waiter* w = q.pop()) waiters.add(w);
    }
    waiters.wake();
    return;
  }
}

void wait_group::wait(detail::site where) {
  choice_point();
  if (counter(state_.load()) == 0) return;
  goroutine* g = current_goroutine();
  record_wait(g, wait_info{wait_reason::wait_group_wait, this, where});
  throw_unless_woken(wait_zero(state_, g, this, {.bound = true}));
}

result<void> wait_group::wait_until(detail::context_node* context, detail::site where) {
  choice_point();
  if (counter(state_.load()) == 0) return {};
  goroutine* g = current_goroutine();
  record_wait(g, wait_info{wait_reason::wait_group_wait, this, where});
  const std::uint8_t why =
      wait_zero(state_, g, this, {.bound = true, .explicit_context = true, .context = context});
  return interrupt_error(g, why, context);
}

TAUT_END_NAMESPACE
