// SPDX-License-Identifier: Apache-2.0
// once: idle -> running -> running and waited for -> finished. Whoever starts it owns it until it
// has finished; the others queue on its address.
//
// finish() makes its last access when it stores `finished`, so a caller that returned may destroy
// the object.
//
// Memory order
//   MO-1  relaxed: the owner and its place, for diagnosis.
#include "taut/once.h"

#include "base/check.h"
#include "sync/exclusive.h"
#include "sync/sema_table.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

namespace {
constexpr std::uint32_t running = detail::once_running;
constexpr std::uint32_t waited_for = 2;  // with running: somebody is queued
}  // namespace

once::~once() {
  if (TAUT_UNLIKELY(record_.state.load() == (running | waited_for)) && has_waiters(this)) {
    fatal("a once was destroyed while a goroutine waits for it");
  }
}

bool once::begin(detail::site where) {
  choice_point();
  std::uint32_t s = 0;
  if (record_.state.compare_exchange_strong(s, running)) {
    if constexpr (records) note_owner(record_, current_owner(), {where});
    return true;
  }
  if (s == finished) return false;
  goroutine* g = current_goroutine();
  const wait_info info{wait_reason::mutex_lock, this, where};
  sema_wait wait(g, this, {.bound = true});
  s = record_.state.load();
  while (s != finished && !record_.state.compare_exchange_weak(s, running | waited_for)) {
  }
  if (s == finished) {
    wait.skip(info);
  } else {
    throw_unless_woken(wait.sleep(info));
  }
  return false;
}

void once::finish() noexcept {
  choice_point();
  if constexpr (records) record_.owner.store(0, std::memory_order_relaxed);  // MO-1
  std::uint32_t alone = running;
  if (TAUT_LIKELY(record_.state.compare_exchange_strong(alone, finished))) return;
  wake_list waiters;
  {
    sema_queue q(this);
    while (waiter* w = q.pop()) waiters.add(w);
    record_.state.store(finished);
  }
  waiters.wake();
}

TAUT_END_NAMESPACE
