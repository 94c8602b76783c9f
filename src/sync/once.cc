// SPDX-License-Identifier: Apache-2.0
// once: idle -> running -> running and waited for -> finished. Whoever starts it owns it until it
// has finished; the others queue on its address.
//
// finish() makes its last access when it stores `finished`, so a caller that returned may destroy
// the object.
//
// Memory order
//   MO-1  relaxed: a look, which the exchange that follows confirms.
#include "taut/once.h"

#include "base/check.h"
#include "sync/exclusive.h"
#include "sync/sema_table.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

namespace {
constexpr std::uint64_t running = detail::once_running;   // with its owner, where it is recorded
constexpr std::uint64_t waited_for = exclusive::waiting;  // with running: somebody is queued
}  // namespace

once::~once() {
  if (TAUT_UNLIKELY((record_.state.load() & waited_for) != 0) && has_waiters(this)) {
    fatal("a once was destroyed while a goroutine waits for it");
  }
}

bool once::begin(detail::site where) {
  choice_point();
  std::uint64_t s = 0;
  const std::uint64_t mine = running | (records ? state_of(current_owner()) : 0);
  if (record_.state.compare_exchange_strong(s, mine)) {
    note_place(record_, {where});
    return true;
  }
  if (s == finished) return false;
  goroutine* g = current_goroutine();
  record_wait(g, wait_info{wait_reason::mutex_lock, this, where});
  sema_wait wait(g, this, {.bound = true});
  s = record_.state.load();
  while (s != finished && !record_.state.compare_exchange_weak(s, s | waited_for)) {
  }
  if (s == finished) {
    wait.skip();
  } else {
    throw_unless_woken(wait.sleep());
  }
  return false;
}

void once::finish() noexcept {
  choice_point();
  std::uint64_t s = record_.state.load(std::memory_order_relaxed);  // MO-1
  if (TAUT_LIKELY((s & waited_for) == 0 && record_.state.compare_exchange_strong(s, finished))) {
    return;
  }
  wake_list waiters;
  {
    sema_queue q(this);
    while (waiter* w = q.pop()) waiters.add(w);
    record_.state.store(finished);
  }
  waiters.wake();
}

TAUT_END_NAMESPACE
