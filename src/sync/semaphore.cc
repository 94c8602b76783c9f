// SPDX-License-Identifier: Apache-2.0
// semaphore: a count of free units, and a bit that says that somebody is queued.
//
// Invariants, whenever the bucket of the semaphore's address is unlocked
//   The bit is set exactly when somebody is queued, and then the first in the queue asks for more
//   than is free, or its wait was interrupted. While the bit is set, the word changes only under
//   the bucket's lock; so nobody overtakes.
#include "taut/semaphore.h"

#include "base/check.h"
#include "sync/sema_table.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

namespace {

constexpr std::uint64_t queued = 1;
constexpr std::uint64_t times(std::uint64_t n) noexcept { return n << 1; }
constexpr std::uint64_t units(std::uint64_t state) noexcept { return state >> 1; }

// Gives free units to the first waiters as long as they suffice.
void serve(std::atomic<std::uint64_t>& state, sema_queue& q, wake_list& served) noexcept {
  std::uint64_t left = units(state.load());
  while (waiter* first = q.front()) {
    const std::uint64_t wanted = *static_cast<const std::uint64_t*>(first->element);
    if (wanted > left) break;
    waiter* w = q.pop_first();
    if (w == nullptr) break;  // interrupted: it serves those behind it when it leaves
    left -= wanted;
    served.add(w);
  }
  state.store(times(left) | (q.empty() ? 0 : queued));
}

// Waits for n units. Returns 0 or the interrupt.
std::uint8_t wait_for(std::atomic<std::uint64_t>& state, std::uint64_t n, goroutine* g,
                      const semaphore* on, const wait_limits& limits) noexcept {
  wake_list followers;
  std::uint8_t why = 0;
  {
    sema_wait wait(g, on, limits);
    std::uint64_t s = state.load();
    for (;;) {
      const bool mine = (s & queued) == 0 && units(s) >= n;
      if (state.compare_exchange_weak(s, mine ? s - times(n) : s | queued)) {
        if (!mine) break;
        wait.skip();
        return 0;
      }
    }
    wait.mine().element = &n;
    why = wait.sleep(false, [&](sema_queue& q) { serve(state, q, followers); });
  }
  followers.wake();
  return why;
}

// Waits for what never comes: only an interrupt ends it.
std::uint8_t wait_for_ever(const void* key, goroutine* g, const wait_limits& limits) noexcept {
  sema_wait wait(g, key, limits);
  return wait.sleep();
}

bool try_take(std::atomic<std::uint64_t>& state, std::uint64_t n) noexcept {
  std::uint64_t s = state.load();
  while ((s & queued) == 0 && units(s) >= n) {
    if (state.compare_exchange_weak(s, s - times(n))) return true;
  }
  return false;
}

}  // namespace

semaphore::~semaphore() {
  if (TAUT_UNLIKELY((state_.load() & queued) != 0) && has_waiters(this)) {
    fatal("a semaphore was destroyed while a goroutine waits for it");
  }
}

void semaphore::acquire(std::uint64_t n, detail::site where) {
  choice_point();
  if (TAUT_LIKELY(try_take(state_, n))) return;
  goroutine* g = current_goroutine();
  const bool never = n > units_;
  record_wait(
      g, wait_info{never ? wait_reason::semacquire_never : wait_reason::semacquire, this, where});
  throw_unless_woken(never ? wait_for_ever(&units_, g, {.bound = true})
                           : wait_for(state_, n, g, this, {.bound = true}));
}

result<void> semaphore::acquire_until(std::uint64_t n, detail::context_node* context,
                                      detail::site where) {
  choice_point();
  if (const std::error_code ended = context_error(context)) return ended;
  if (TAUT_LIKELY(try_take(state_, n))) return {};
  goroutine* g = current_goroutine();
  const bool never = n > units_;
  record_wait(
      g, wait_info{never ? wait_reason::semacquire_never : wait_reason::semacquire, this, where});
  const wait_limits limits{.bound = true, .explicit_context = true, .context = context};
  const std::uint8_t why =
      never ? wait_for_ever(&units_, g, limits) : wait_for(state_, n, g, this, limits);
  return interrupt_error(g, why, context);
}

bool semaphore::try_acquire(std::uint64_t n) noexcept {
  choice_point();
  return try_take(state_, n);
}

void semaphore::release(std::uint64_t n) {
  choice_point();
  std::uint64_t s = state_.load();
  for (;;) {
    if (TAUT_UNLIKELY(n > units_ - units(s))) throw panic("semaphore: released more than held");
    if ((s & queued) == 0) {
      if (state_.compare_exchange_weak(s, s + times(n))) return;
      continue;
    }
    wake_list served;
    {
      sema_queue q(this);
      s = state_.load();
      if ((s & queued) == 0 || n > units_ - units(s)) continue;
      state_.store((s + times(n)) | queued);
      serve(state_, q, served);
    }
    served.wake();
    return;
  }
}

TAUT_END_NAMESPACE
