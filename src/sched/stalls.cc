// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in stalls.h: the sequence number.
#include "sched/stalls.h"

#include <algorithm>
#include <cstring>

#include "base/handoff.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

stall_log::slot* stall_log::find(int worker, std::int64_t began) noexcept {
  for (slot& s : slots_) {
    if (s.record.number != 0 && s.record.worker == worker && s.record.began == began) return &s;
  }
  return nullptr;
}

void stall_log::put(slot& to, const stall_record& r) noexcept {
  const unseen_section unseen;  // a copy that was overtaken is thrown away
  const std::uint32_t sequence = to.sequence.load(std::memory_order_relaxed);  // MO-1
  to.sequence.store(sequence + 1, std::memory_order_relaxed);                  // MO-1
  std::atomic_thread_fence(std::memory_order_seq_cst);
  to.record = r;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  to.sequence.store(sequence + 2, std::memory_order_relaxed);  // MO-1
}

void stall_log::write(stall_record r) noexcept {
  slot* to = find(r.worker, r.began);
  if (to == nullptr) {
    r.number = ++count_;
    to = &slots_[count_ % most];
  } else {
    r.number = to->record.number;
    if (r.frames == 0) {
      r.frames = to->record.frames;
      std::memcpy(r.pcs, to->record.pcs, sizeof r.pcs);
    }
  }
  put(*to, r);
}

void stall_log::lasted(int worker, std::int64_t began, std::int64_t duration) noexcept {
  slot* const to = find(worker, began);
  if (to == nullptr) return;
  stall_record r = to->record;
  r.duration = duration;
  put(*to, r);
}

std::size_t stall_log::read(stall_record (&to)[most]) const noexcept {
  const unseen_section unseen;
  std::size_t n = 0;
  for (const slot& s : slots_) {
    const std::uint32_t before = s.sequence.load(std::memory_order_relaxed);  // MO-1
    std::atomic_thread_fence(std::memory_order_seq_cst);
    to[n] = s.record;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const bool same = s.sequence.load(std::memory_order_relaxed) == before;  // MO-1
    if (same && before % 2 == 0 && to[n].number != 0) ++n;
  }
  std::sort(to, to + n,
            [](const stall_record& a, const stall_record& b) { return a.number < b.number; });
  return n;
}

// Never destroyed: a dump of a dying process may read it.
stall_log& the_stall_log() noexcept {
  static constinit stall_log instance;
  return instance;
}

}  // namespace rt
TAUT_END_NAMESPACE
