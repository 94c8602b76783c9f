// SPDX-License-Identifier: Apache-2.0
// Sleeping and waking on an address: the queues of everybody who waits for a mutex, a wait group, a
// semaphore, ... so that the objects themselves stay two words and need no constructor.
//
//   sema_queue q(this);                      // holds the bucket's lock
//   if (waiter* w = q.pop()) g = w->g;       // claimed and unlinked
//   q.unlock();  ready(g);
//
//   sema_wait wait(g, this, {.bound = true});   // arms what may end the wait, then holds the
//                                               // bucket's lock
//   if (nothing_to_wait_for()) wait.skip();
//   else why = wait.sleep();  // 0: popped; else the interrupt
//
// A bucket chains the first waiter of each address; the others of the same address hang from it in
// a ring, so many waiters on one object do not slow down its neighbours in the table. The fields of
// `waiter` mean here:
//   next, previous   the ring of one address, in order of service
//   queue            of a first waiter: the first waiter of the bucket's next address; otherwise,
//                    and at the end of the chain, the bucket. nullptr: not linked
//   element          the user's: what the wait asks for
//
// Locks         rank::sema per bucket, never two at once.
//
// Memory order
//   MO-1  relaxed: chain, guarded by its bucket's lock; without it, looked at after the lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <type_traits>

#include "base/lock.h"
#include "sched/context_waits.h"
#include "sched/park.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct sema_bucket {
  lock guard{rank::sema};
  std::atomic<waiter*> chain{nullptr};  // written with the lock held

  waiter* first() const noexcept { return chain.load(std::memory_order_relaxed); }   // MO-1
  void set_first(waiter* w) noexcept { chain.store(w, std::memory_order_relaxed); }  // MO-1
  // Without the lock: false only when nobody waits here who began before.
  bool may_hold_waiters() const noexcept { return guard.held() || first() != nullptr; }
};

inline constexpr int sema_bucket_bits = 12;
inline constexpr std::size_t sema_buckets = std::size_t{1} << sema_bucket_bits;

inline std::size_t bucket_index(const void* address) noexcept {
  const auto a = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
  return static_cast<std::size_t>(a * 0x9e3779b97f4a7c15u >> (64 - sema_bucket_bits));
}
sema_bucket& bucket_of(const void* address) noexcept;

// The queue of one address, its bucket locked. Code that parks or throws must not run while it
// lives.
class sema_queue {
 public:
  enum class start : bool { unlocked, locked };
  explicit sema_queue(const void* address, start as = start::locked) noexcept
      : bucket_(bucket_of(address)), key_(reinterpret_cast<std::uintptr_t>(address)) {
    if (as == start::locked) lock();
  }
  ~sema_queue() { unlock(); }
  sema_queue(const sema_queue&) = delete;
  sema_queue& operator=(const sema_queue&) = delete;

  bool is_locked() const noexcept { return locked_; }
  void lock() noexcept TAUT_LOCKS_BY_HAND {
    bucket_.guard.acquire();
    locked_ = true;
  }
  void unlock() noexcept TAUT_LOCKS_BY_HAND {
    if (locked_) bucket_.guard.release();
    locked_ = false;
  }
  // The lock is somebody else's to release: the commit of a park.
  rt::lock& leave_locked() noexcept {
    locked_ = false;
    return bucket_.guard;
  }

  // The waiter to be served next, still linked; nullptr: none.
  waiter* front() noexcept;
  bool empty() noexcept { return front() == nullptr; }
  // Nobody waits at any address of the bucket.
  bool bucket_is_empty() const noexcept TAUT_LOCKS_BY_HAND { return bucket_.first() == nullptr; }
  void push_back(waiter& w) noexcept;
  void push_front(waiter& w) noexcept;
  // w is linked in this queue.
  void remove(waiter& w) noexcept;
  // Takes and unlinks the first waiter whose wait was not ended otherwise; the caller makes its
  // goroutine ready after unlock(). Those that were interrupted stay linked: each unlinks itself.
  waiter* pop() noexcept;
  // As pop(), but only the very first: nullptr when that one was interrupted. The queue is not
  // empty.
  waiter* pop_first() noexcept;

 private:
  waiter* head() const noexcept TAUT_LOCKS_BY_HAND;
  waiter* next_address(const waiter* first) const noexcept TAUT_LOCKS_BY_HAND;
  void replace_first(waiter* old, waiter* by) noexcept TAUT_LOCKS_BY_HAND;
  void insert(waiter& w, bool first) noexcept TAUT_LOCKS_BY_HAND;

  sema_bucket& bucket_;
  const std::uintptr_t key_;
  bool locked_ = false;
};

// For the profile mutex: how long those queued in q, and `popped`, have waited, as far as nobody
// has been charged for it yet. Charges the caller: their waiting counts anew from now. At most 256
// are looked at; the others' turn comes later.
std::int64_t charge_waiting(sema_queue& q, waiter* popped) noexcept;

// Parks g, whose wait is recorded and waiter linked in q, by a plain wait: only pop() ends it.
void park_releasing(goroutine* g, sema_queue& q) noexcept;

// Whether somebody who can still be woken waits on the address. For destructors.
bool has_waiters(const void* address) noexcept;

// Goroutines to be made ready once the lock is released, in order. They are linked by the `next` of
// their waiters.
class wake_list {
 public:
  void add(waiter* w) noexcept {
    w->next = nullptr;
    *end_ = w;
    end_ = &w->next;
  }
  // Makes them ready, the first added first.
  void wake() noexcept;

 private:
  waiter* first_ = nullptr;
  waiter** end_ = &first_;
};

// What may end a wait besides its object.
struct wait_limits {
  bool bound = false;             // the bound context, by throwing or by its error
  bool explicit_context = false;  // `context`, which may be null: one that never ends
  detail::context_node* context = nullptr;
  std::optional<std::int64_t> deadline = {};  // on the scheduler's clock
};

// One wait of the calling goroutine g on an address. The caller has recorded what it waits for
// (record_wait).
class sema_wait {
 public:
  // Arms the wait, registers it with context and deadline, and locks the bucket. `early`: it may be
  // woken before it parks, so its waiter can be linked with enqueue() and the lock released before
  // park() is called.
  sema_wait(goroutine* g, const void* address, const wait_limits& limits,
            bool early = false) noexcept;
  sema_wait(const sema_wait&) = delete;
  sema_wait& operator=(const sema_wait&) = delete;

  sema_queue& queue() noexcept { return queue_; }
  waiter& mine() noexcept { return g_->single; }

  // There is nothing to wait for. Releases the lock.
  void skip() noexcept;
  // Waits at the end of the queue, or at its front. Releases the lock. Returns 0, or the interrupt
  // that ended the wait; `left(queue)` runs under the lock in that case, with the waiter unlinked,
  // when it had been linked until then.
  template <class Left>
  std::uint8_t sleep(bool at_front, Left&& left) noexcept {
    enqueue(at_front);
    return park_here(
        [](sema_queue& q, void* f) { (*static_cast<std::remove_reference_t<Left>*>(f))(q); },
        &left);
  }
  std::uint8_t sleep() noexcept {
    enqueue(false);
    return park_here(nullptr, nullptr);
  }

  // The two halves of sleep() of an early wait: between them the lock may be released.
  void enqueue(bool at_front) noexcept;
  template <class Left>
  std::uint8_t park_early(Left&& left) noexcept {
    return park_here(
        [](sema_queue& q, void* f) { (*static_cast<std::remove_reference_t<Left>*>(f))(q); },
        &left);
  }

 private:
  using left_function = void (*)(sema_queue&, void*);
  std::uint8_t park_here(left_function left, void* argument) noexcept;
  std::uint8_t finish() noexcept;

  goroutine* g_;
  const std::uint8_t mask_;
  std::optional<context_wait_scope> context_;
  wait_deadline deadline_;
  sema_queue queue_;
};

// For forms without a result: throws what the interrupt means. Nothing for 0.
inline void throw_unless_woken(std::uint8_t why) {
  if (TAUT_UNLIKELY(why != 0)) throw_interrupt(why);
}
// For forms with a result: the error that the interrupt means, empty for 0. Throws a test's
// unwinding.
std::error_code interrupt_error(goroutine* g, std::uint8_t why, detail::context_node* context);

}  // namespace rt
TAUT_END_NAMESPACE
