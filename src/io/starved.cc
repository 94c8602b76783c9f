// SPDX-License-Identifier: Apache-2.0
// The list holds uses of blocks, not blocks: who is listed has the turn to accept, so its block
// cannot be freed; a late wake-up finds a block of the same type and is told apart by its tag.
//
// Memory order
//   MO-1  relaxed: the count, peeked by every close; a missed one costs a pause.
#include "io/starved.h"

#include "base/lock.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr int batch = 16;
lock list_lock{rank::sched};
poll_fd* list TAUT_GUARDED_BY(list_lock) = nullptr;
std::atomic<int> count{0};

}  // namespace

starved_scope::starved_scope(poll_fd& p) noexcept : p_(p) {
  hold h(list_lock);
  p.next_free = list;
  list = &p;
  count.fetch_add(1);
}

starved_scope::~starved_scope() {
  hold h(list_lock);
  poll_fd** at = &list;
  while (*at != &p_) at = &(*at)->next_free;
  *at = p_.next_free;
  count.fetch_sub(1);
}

void wake_starved() noexcept {
  if (TAUT_LIKELY(count.load(std::memory_order_relaxed) == 0)) return;  // MO-1
  std::uint64_t tags[batch];
  int n = 0;
  {
    hold h(list_lock);
    for (poll_fd* p = list; p != nullptr && n < batch; p = p->next_free) tags[n++] = tag_of(*p);
  }
  for (int i = 0; i < n; ++i) deliver(tags[i], event_read);
}

}  // namespace rt
TAUT_END_NAMESPACE
