// SPDX-License-Identifier: Apache-2.0
// shared_mutex: a count of readers that a writer makes negative, and the exclusive lock among
// writers.
//
// A writer takes the exclusive lock, then subtracts 2^30 from readers_: from then on readers queue.
// The readers that hold the lock at that moment are added to leaving_; the one that makes it zero
// wakes the writer. unlock() adds 2^30 again and lets in everybody who queued, then frees the
// exclusive lock.
//
// Who lets somebody in may come before the other waits. For readers and for the writer there is
// therefore a count of permits (admitted_, drained_), guarded by the bucket of its own address,
// where the other queues as well.
//
// unlock_shared() does not touch the object after the step that lets a writer go on. unlock() does:
// whoever destroys the lock must know, by other means than by having read-locked it, that unlock()
// has returned.
//
// Memory order
//   MO-1  relaxed: who reads, hints for diagnosis.
//   MO-3  as in exclusive.h: a goroutine reads its own number there only when it stored it.
#include "taut/shared_mutex.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/recording.h"
#include "sched/contention.h"
#include "sync/exclusive.h"
#include "sync/sema_table.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

namespace {

constexpr std::int32_t pending = 1 << 30;

void remember(std::atomic<std::uint64_t>* hints, int n) noexcept {
  if constexpr (!records) return;
  const std::uint64_t me = current_owner();
  const auto size = static_cast<std::uint64_t>(n);
  std::uint64_t at = me % size;
  for (int i = 1; i < n && hints[at].load(std::memory_order_relaxed) != 0; ++i)  // MO-1
    at = (at + 1) % size;
  hints[at].store(me, std::memory_order_relaxed);  // MO-1
}

void forget(std::atomic<std::uint64_t>* hints, int n) noexcept {
  if constexpr (!records) return;
  const std::uint64_t me = current_owner();
  const auto size = static_cast<std::uint64_t>(n);
  for (std::uint64_t i = 0, at = me % size; i < size; ++i, at = (at + 1) % size) {
    if (hints[at].load(std::memory_order_relaxed) != me) continue;  // MO-1
    hints[at].store(0, std::memory_order_relaxed);                  // MO-1
    return;
  }
}

// Now, while the profile mutex is on; else 0.
std::int64_t profiled_since() noexcept { return mutexes_are_profiled() ? now() : 0; }

// The writer's step behind its readers: waits for one permit.
void wait_drained(goroutine* g, const void* key, std::uint32_t& permits) noexcept {
  sema_queue q(key);
  if (permits > 0) {
    --permits;
    return;
  }
  // Plain even in a test that unwinds: the readers it waits for leave when they unwind.
  waiter& w = g->single;
  w.claimable = false;
  const std::int64_t since = profiled_since();
  if constexpr (records) w.since = since;
  q.push_back(w);
  park_releasing(g, q);
  if (since != 0) note_mutex(contention::waiter, now() - since, 1);
}

}  // namespace

shared_mutex::~shared_mutex() {
  const bool idle = readers_.load() == 0 && (writer_.state.load() & exclusive::waiting) == 0;
  if (TAUT_UNLIKELY(!idle) &&
      (has_waiters(&writer_) || has_waiters(&admitted_) || has_waiters(&drained_))) {
    fatal("a shared_mutex was destroyed while a goroutine waits for it");
  }
}

void shared_mutex::lock_shared(detail::site where) {
  choice_point();
  if (TAUT_UNLIKELY(readers_.fetch_add(1) < 0)) {
    goroutine* g = current_goroutine();
    record_wait(g, wait_info{wait_reason::rwmutex_rlock, this, where});
    bool admitted = false;
    const auto take_permit = [&] {
      if (admitted_ > 0) {
        --admitted_;
        admitted = true;
      }
      return admitted;
    };
    const std::int64_t since = profiled_since();
    sema_wait wait(g, &admitted_, {});
    if constexpr (records) wait.mine().since = since;
    if (take_permit()) {
      wait.skip();
    } else if (const std::uint8_t why = wait.sleep(false, [&](sema_queue&) {
                 // A permit that nobody took may be this reader's.
                 if (!take_permit()) readers_.fetch_sub(1);
               })) {
      if (admitted) unlock_shared();
      throw_interrupt(why);
    } else if (since != 0) {
      note_mutex(contention::waiter, now() - since, 1);
    }
  }
  remember(reader_hints_, remembered);
}

bool shared_mutex::try_lock_shared(detail::site) noexcept {
  choice_point();
  std::int32_t n = readers_.load();
  while (n >= 0) {
    if (readers_.compare_exchange_weak(n, n + 1)) {
      remember(reader_hints_, remembered);
      return true;
    }
  }
  return false;
}

void shared_mutex::unlock_shared() {
  choice_point();
  forget(reader_hints_, remembered);
  const void* const drained = &drained_;
  const std::int32_t n = readers_.fetch_sub(1);
  if (TAUT_LIKELY(n > 0)) return;
  if (n == 0 || n == -pending) {
    readers_.fetch_add(1);
    throw panic("sync: RUnlock of unlocked RWMutex");
  }
  if (leaving_.fetch_sub(1) != 1) return;
  sema_queue q(drained);
  waiter* w = q.pop();
  if (w == nullptr) {
    ++drained_;
    return;
  }
  goroutine* g = w->g;
  const bool profiled = mutexes_are_profiled();
  const std::int64_t waited = profiled ? charge_waiting(q, w) : 0;
  q.unlock();
  ready(g);
  if (profiled) note_mutex(contention::holder, waited, 1);
}

void shared_mutex::lock(detail::site where) {
  choice_point();
  lock_exclusive(writer_, TAUT_LOCK_CALLER(where));
  const std::int32_t holding = readers_.fetch_sub(pending);
  // Readers may have left in between: leaving_ is negative then, and the sum says who is still
  // there.
  if (holding != 0 && leaving_.fetch_add(holding) + holding != 0) {
    goroutine* g = current_goroutine();
    record_wait(g, wait_info{wait_reason::rwmutex_lock, this, where});
    wait_drained(g, &drained_, drained_);
  }
}

bool shared_mutex::try_lock(detail::site where) noexcept {
  choice_point();
  if (!try_lock_exclusive(writer_, TAUT_LOCK_CALLER(where))) return false;
  std::int32_t none = 0;
  if (readers_.compare_exchange_strong(none, -pending)) return true;
  unlock_exclusive(writer_);
  return false;
}

void shared_mutex::unlock() {
  choice_point();
  const std::uint64_t owner = owner_of(writer_.state.load(std::memory_order_relaxed));  // MO-3
  if (TAUT_UNLIKELY(owner != current_owner())) {
    throw panic(owner == 0 ? "sync: Unlock of unlocked RWMutex"
                           : "sync: Unlock of an RWMutex that another goroutine holds");
  }
  std::int32_t nobody = -pending;
  if (TAUT_UNLIKELY(!readers_.compare_exchange_strong(nobody, 0))) {
    wake_list readers;
    const bool profiled = mutexes_are_profiled();
    std::int64_t waited = 0;
    std::uint64_t woken = 0;
    {
      sema_queue q(&admitted_);
      if (profiled) waited = charge_waiting(q, nullptr);
      const std::int32_t queued = readers_.fetch_add(pending) + pending;
      for (std::int32_t n = 0; n < queued; ++n) {
        waiter* w = q.pop();
        if (w == nullptr) {
          admitted_ += static_cast<std::uint32_t>(queued - n);
          break;
        }
        readers.add(w);
        ++woken;
      }
    }
    readers.wake();
    if (profiled && woken != 0) note_mutex(contention::holder, waited, woken);
  }
  unlock_exclusive(writer_);
}

TAUT_END_NAMESPACE
