// SPDX-License-Identifier: Apache-2.0
// A channel's birth, handles, close and death.
//
// Memory order
//   MO-1  as in chan_core.h: peeks without the lock.
//   MO-2  as in chan_core.h: evidence; also a count of handles before its first handle exists, and
//         the increment of one that the caller already keeps above zero.
#include <bit>
#include <new>

#include "base/recording.h"
#include "base/slab.h"
#include "chan/chan_core.h"
#include "sched/park.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

using namespace rt;

namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 40;

// Closes c, which is locked, and releases it. Everybody who waits is woken: receivers see the end,
// senders panic.
void close_locked(chan_core& c, std::uint64_t closer, site where) noexcept TAUT_LOCKS_BY_HAND {
  c.closed.store(true, std::memory_order_relaxed);  // MO-1: under the lock
  c.at_once = 0;
  c.closer.set(state_of(closer), where);
  goroutine* woken = nullptr;
  goroutine** end = &woken;
  for (wait_queue* q : {&c.receivers, &c.senders}) {
    while (waiter* w = q->take_first()) {
      w->success = false;
      // Unlinked and claimed, nobody else touches the goroutine: its list link is free to use.
      *end = w->g;
      end = &w->g->next;
    }
  }
  *end = nullptr;
  c.guard.release();
  while (woken != nullptr) {
    goroutine* next = woken->next;
    woken->next = nullptr;
    ready(woken);
    woken = next;
  }
}

// 0: no goroutine.
TAUT_ALWAYS_INLINE std::uint64_t id_of_caller() noexcept {
  const worker* w = current_worker();
  const goroutine* g = TAUT_LIKELY(w != nullptr) ? w->current : nullptr;
  if (TAUT_UNLIKELY(g == nullptr)) g = current_goroutine_or_null();
  return g == nullptr ? 0 : g->id.load(std::memory_order_relaxed);  // MO-2
}

// A handle ends that is not all there is. at: the code that ends it.
TAUT_ALWAYS_INLINE void record_dropped(chan_core& c, const void* at) noexcept {
  if constexpr (!records) return;
  c.dropped_at.store(reinterpret_cast<std::uintptr_t>(at), std::memory_order_relaxed);  // MO-2
}

void destroy(chan_core* c) noexcept {
  if (c->ops->destroy != nullptr) {
    for (std::uint32_t i = 0, n = c->count.load(); i < n; ++i) c->ops->destroy(c->slot(i));
  }
  if (c->buffer != nullptr) slab_give(c->buffer, (std::size_t{c->mask} + 1) * c->ops->size);
  slab_give(c, sizeof(chan_core));
}

}  // namespace
}  // namespace detail

namespace rt {

void close_from_runtime(chan_core& c, std::uint64_t closer,
                        site where) noexcept TAUT_LOCKS_BY_HAND {
  c.guard.acquire();
  if (c.closed.load(std::memory_order_relaxed)) {  // MO-1
    c.guard.release();
  } else {
    detail::close_locked(c, closer, where);
  }
}

}  // namespace rt

namespace detail {

chan_core* chan_make(const elem_ops& ops, std::size_t capacity, std::uint64_t rights, bool typed,
                     site where) {
  if (capacity > most_bytes / (ops.size == 0 ? 1 : ops.size) || capacity > 0xffffffffu) {
    throw panic("makechan: size out of range");
  }
  void* memory = slab_take(sizeof(chan_core));
  if (memory == nullptr) throw std::bad_alloc();
  auto* c = ::new (memory) chan_core;
  const std::size_t ring = std::bit_ceil(capacity);
  if (capacity * ops.size != 0) {
    c->buffer = static_cast<std::byte*>(slab_take(ring * ops.size));
    if (c->buffer == nullptr) {
      slab_give(memory, sizeof(chan_core));
      throw std::bad_alloc();
    }
  }
  c->ops = &ops;
  c->capacity = static_cast<std::uint32_t>(capacity);
  c->mask = static_cast<std::uint32_t>(ring - 1);
  c->half_words = ops.size == sizeof(std::uint32_t);
  if ((ops.size == sizeof(std::uint64_t) || c->half_words) && ops.move == nullptr &&
      ops.destroy == nullptr) {
    c->at_once = c->capacity;
  }
  c->typed = c->watches_ends = typed;
  c->of_context = receivers_of(rights) == 0;
  if constexpr (records) {
    c->made = where;
    c->maker = id_of_caller();
  }
  c->handles.store(rights, std::memory_order_relaxed);  // MO-2
  return c;
}

void chan_ref(chan_core* c, std::uint64_t rights) noexcept {
  c->handles.fetch_add(rights, std::memory_order_relaxed);  // MO-2
}

namespace {

// No handle is left.
TAUT_NOINLINE void end_of_handles(chan_core* c) noexcept TAUT_LOCKS_BY_HAND {
  c->guard.acquire();
  const bool waited_on = !c->receivers.empty() || !c->senders.empty();
  if (records && waited_on) c->orphan = true;
  c->guard.release();
  if (!waited_on) destroy(c);
}

// A handle of a channel that closes by itself, or has a feeder.
TAUT_NOINLINE void unref_slowly(chan_core* c, std::uint64_t rights, const void* at) noexcept {
  const auto no_receiver = rights >= recv_right ? c->no_receiver : nullptr;
  void* const feeder = c->feeder;
  const bool may_close = c->typed && senders_of(rights) != 0;
  record_dropped(*c, at);
  std::uint64_t before = c->handles.load(std::memory_order_relaxed);  // MO-2
  do {
    // Only a sending handle makes another, so one that finds itself alone stays alone: it closes
    // while it still counts.
    if (TAUT_UNLIKELY(may_close && senders_of(before) == 1) &&
        !c->closed.load(std::memory_order_relaxed)) {  // MO-1: by it, if it was before
      close_from_runtime(*c, id_of_caller(), {});
      before = c->handles.load(std::memory_order_relaxed);  // MO-2
    }
  } while (!c->handles.compare_exchange_weak(before, before - rights));
  if (TAUT_UNLIKELY(no_receiver != nullptr) && receivers_of(before) == 1) {
    // The feeder has a handle of its own, and gives it up now.
    no_receiver(feeder);
    return;
  }
  if (before == rights) end_of_handles(c);
}

}  // namespace

void chan_unref_runtime(chan_core* c, std::uint64_t rights) noexcept {
  if (c->handles.fetch_sub(rights) == rights) end_of_handles(c);
}

void chan_unref(chan_core* c, std::uint64_t rights, const void* at) noexcept {
  if (TAUT_UNLIKELY(c->watches_ends)) return unref_slowly(c, rights, at);
  record_dropped(*c, at);  // before it counts no more: after that, the channel may be gone
  if (c->handles.fetch_sub(rights) == rights) end_of_handles(c);
}

void chan_close(chan_core* c, site where) TAUT_LOCKS_BY_HAND {
  choice_point();
  if (c == nullptr) throw panic("close of nil channel");
  c->guard.acquire();
  if (c->closed.load(std::memory_order_relaxed)) {  // MO-1
    c->guard.release();
    throw panic("close of closed channel");
  }
  close_locked(*c, current_goroutine()->id.load(), where);
}

}  // namespace detail
TAUT_END_NAMESPACE
