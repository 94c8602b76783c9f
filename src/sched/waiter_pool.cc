// SPDX-License-Identifier: Apache-2.0
#include "sched/waiter_pool.h"

#include <new>

#include "base/handoff.h"
#include "base/slab.h"
#include "sched/current.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {
constexpr std::size_t cached = 64;
}

waiter* take_waiters(std::size_t n) noexcept {
  worker* w = current_worker();
  waiter* list = nullptr;
  for (; n > 0; --n) {
    waiter* one = w == nullptr ? nullptr : w->waiter_cache;
    if (one != nullptr) {
      w->waiter_cache = one->next;
      --w->waiter_count;
    } else {
      one = static_cast<waiter*>(slab_take(sizeof(waiter)));
      if (one == nullptr) {
        give_waiters(list);
        return nullptr;
      }
    }
    accept_handoff(one);
    ::new (static_cast<void*>(one)) waiter;
    one->next = list;
    list = one;
  }
  return list;
}

void give_waiters(waiter* list) noexcept {
  worker* w = current_worker();
  while (list != nullptr) {
    waiter* one = list;
    list = one->next;
    announce_handoff(one);
    if (w != nullptr && w->waiter_count < cached) {
      one->next = w->waiter_cache;
      w->waiter_cache = one;
      ++w->waiter_count;
    } else {
      slab_give(one, sizeof(waiter));
    }
  }
}

}  // namespace rt
TAUT_END_NAMESPACE
