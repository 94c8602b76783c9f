// SPDX-License-Identifier: Apache-2.0
// One goroutine: its context, its identity, what it waits for. Also the stand-in of a thread that
// the runtime did not make, while such a thread waits.
//
// Descriptors live in slabs of the registry and are never unmapped, so diagnosis may read one at
// any time; what it reads of one that waits, or is saved, is consistent when `dispatches` is the
// same before and after.
//
// States
//   idle      in a free list; no stack content that matters
//   runnable  in exactly one run queue, inbox or run-next slot; belongs to whoever takes it out
//   running   worker `home` runs it, its `sp` is null; only it and its worker touch it
//   waiting   parked, fully saved, and is_linked(); belongs to whoever claims it: who unlinks its
//             waiter under the object's lock, or, for a claimable wait, who turns `claim` from
//             armed to claimed
//   blocking  inside blocking(f) or known to be stuck in a call: still holds its worker
//   Stored is what cannot be told otherwise: idle, blocking, and runnable for all else, but of a
//   thread's stand-in, which has no `sp`: whether it waits. seen_state() tells.
//
// Waiting and waking
//   A plain wait (nothing but its object can end it) has its waiter linked in the object's queue,
//   and is published after the switch, by releasing the object's lock. A claimable wait (bound
//   context, explicit context, deadline, select, sleep, I/O) can be ended by several parties: each
//   CASes `claim`. Whoever claims holds a lock under which the waiter is registered, and the waiter
//   takes the same lock to unregister before its wait returns; so a claimer never meets a later
//   wait of the same goroutine.
//
// Memory order
//   MO-1  relaxed: facts for diagnosis (state, wait facts), written by the goroutine, its worker or
//         who wakes it; readers validate by `dispatches`.
//   MO-2  goroutine.cc: acquire of what is saved: facts of the wait are older. Pairs with the
//         switch, which stores `sp` last; of a thread's stand-in, with park.cc.
//   MO-3  relaxed: asks to look closer; a wait more or less is profiled.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arch/eh_globals.h"
#include "arch/sanitizer.h"
#include "base/clock.h"
#include "base/note.h"
#include "sched/wait_reason.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {
struct context_node;
}
namespace rt {

using detail::site;

struct worker;
struct goroutine;
struct label_set;

enum class goroutine_state : std::uint8_t { idle, runnable, running, waiting, blocking };

// What is to be done besides the usual when a goroutine is made ready or dispatched. Bits of
// goroutine::unusual, which its owner writes.
namespace unusual {
inline constexpr std::uint8_t thread = 1;      // ready: the stand-in of a thread
inline constexpr std::uint8_t measure = 2;     // ready: begin to measure its way to a worker
inline constexpr std::uint8_t measured = 4;    // dispatch: end that
inline constexpr std::uint8_t exceptions = 8;  // dispatch: its exception state was put aside
inline constexpr std::uint8_t at_ready = thread | measure, at_dispatch = measured | exceptions;
}  // namespace unusual

// What may end a wait besides its object. Bits of goroutine::wait_mask and interrupts.
namespace interrupt {
inline constexpr std::uint8_t bound = 1;     // the context the goroutine is bound to ended: throws
                                             // canceled
inline constexpr std::uint8_t context = 2;   // the context given to this wait ended
inline constexpr std::uint8_t deadline = 4;  // the time given to this wait passed
inline constexpr std::uint8_t unwind = 8;    // a test ends the goroutine: throws
inline constexpr std::uint8_t none = 16;     // nothing more, but the wait is claimable
}  // namespace interrupt

// Claim word of a claimable wait.
enum class claim_state : std::uint8_t {
  none,     // not in a claimable wait
  armed,    // may be claimed
  claimed,  // somebody will wake it, or did
};

// One goroutine waiting on one object (a channel, or an address in the semaphore table). All fields
// but g, element and index are guarded by the object's lock.
struct waiter {
  waiter* next = nullptr;
  waiter* previous = nullptr;
  goroutine* g = nullptr;
  void* queue = nullptr;    // the queue it is linked in; nullptr: unlinked
  void* element = nullptr;  // channel: where the value is or goes
  std::uint32_t index = 0;  // select: which case; semaphore: the weight or the mode
  bool claimable = false;   // taking it out needs a successful claim
  bool success = false;     // what the waker did: a value was handed over (false: closed)
  // --- Not of a channel's.
  std::uintptr_t key = 0;  // semaphore table: the address
  std::int64_t since = 0;  // locks: when the wait began, or was accounted for last: contention.h
};

// A go, a dispatch and an end touch the first two lines; a channel's wait the fourth too.
struct alignas(64) goroutine {
  // --- What a switch touches. Owned by the worker that runs it, or by the owner of the queue it
  // was taken from.
  void* sp = nullptr;                // saved stack pointer; nullptr while it runs
  goroutine* next = nullptr;         // link of the one list it is in
  worker* home = nullptr;            // where it ran last; nullptr: it has not started
  std::atomic<std::uint64_t> id{0};  // constant while it lives; 0: idle
  std::atomic<goroutine_state> state{goroutine_state::idle};
  std::atomic<claim_state> claim{claim_state::none};
  std::atomic<std::uint8_t> wait_mask{0};   // which interrupts may end the current wait
  std::atomic<std::uint8_t> interrupts{0};  // which have happened; `bound` and `unwind` stay
  std::atomic<std::uint8_t> handshake{0};   // see park.cc
  std::atomic<std::uint8_t> unusual{0};
  // A thread's stand-in, or one whose waits are profiled: contention.cc.
  std::atomic<bool> parks_slowly{false};
  bool pinned = false;           // never changes its worker
  bool is_thread = false;        // the stand-in of a foreign thread
  bool named = false;            // name is not empty
  std::uint8_t stack_class = 0;  // registry size class
  std::uint32_t pins = 0;        // taut::pin objects alive
  int saved_errno = 0;
  std::uint32_t slot = 0;                    // index in the registry
  std::atomic<std::uint64_t> dispatches{0};  // and resumptions of a thread

  // --- Identity, constant while it lives; what it begins with and ends with.
  std::uint64_t parent = 0;
  site created;
  void (*run)(void*) = nullptr;
  void* closure = nullptr;
  std::byte* stack_high = nullptr;
  label_set* labels = nullptr;              // owned
  detail::context_node* bound = nullptr;    // cancelled with it; the goroutine holds a reference
  std::atomic<std::int64_t> wait_began{0};  // of what it waits for, below: coarse time + reason

  // --- What it waits for. Written by itself before it parks; holds while it waits.
  const void* wait_case_list = nullptr;  // select: its detail::select_case array, in memory of the
                                         // goroutine's
  std::uint32_t wait_cases = 0;          // select: number of cases
  std::uint8_t ended_by = 0;     // the interrupt that ended the last wait, 0: its object did
  std::int64_t ready_since = 0;  // with unusual::measured: latencies.h
  std::atomic<detail::context_node*> wait_context{nullptr};  // may end the wait too
  waiter* woken_by = nullptr;  // select: the waiter whose operation was done
  std::byte* stack_low = nullptr;
  std::uint32_t stands_for = 0;  // with ready_since: so many like it, latencies.h
  std::uint32_t shields = 0;     // taut::shield objects alive
  alignas(64) std::atomic<const void*> wait_object{nullptr};  // not of channels and selects
  std::atomic<site> wait_site{};
  waiter single{.g = this};  // of every wait but select's

  // --- The rest.
  eh_globals exceptions;
  std::uint32_t steady = 0;     // steady_section objects alive
  note* thread_note = nullptr;  // stand-in: what its thread sleeps on
  char name[32] = {};
  bool system = false;  // the runtime's own: not counted, not a leak
  // The bound context's list of goroutines; guarded by the context's lock.
  goroutine* bound_next = nullptr;
  goroutine* bound_previous = nullptr;

  [[no_unique_address]] sanitizer_context sanitizer;

  void set_state(goroutine_state s) noexcept { state.store(s, std::memory_order_relaxed); }  // MO-1
  void add_unusual(std::uint8_t what) noexcept {
    unusual.store(unusual.load(std::memory_order_relaxed) | what,
                  std::memory_order_relaxed);  // MO-1
  }
  void drop_unusual(std::uint8_t what) noexcept {
    unusual.store(
        unusual.load(std::memory_order_relaxed) & static_cast<std::uint8_t>(~what),  // MO-1
        std::memory_order_relaxed);                                                  // MO-1
  }
  // Why it waits, or waited last, and since when. Written together, by one store.
  void set_wait(wait_reason why, std::int64_t coarse) noexcept {
    wait_began.store(coarse | static_cast<std::int64_t>(why), std::memory_order_relaxed);  // MO-1
  }
  wait_reason reason() const noexcept {
    return static_cast<wait_reason>(wait_began.load(std::memory_order_relaxed) &  // MO-1
                                    (coarse_unit - 1));
  }
  std::int64_t wait_since() const noexcept {
    return wait_began.load(std::memory_order_relaxed) & -coarse_unit;  // MO-1
  }
  bool slow_park() const noexcept { return parks_slowly.load(std::memory_order_relaxed); }  // MO-3
  // For readers that are not its worker.
  goroutine_state seen_state() const noexcept;
  // Somebody may still end its wait: nobody does already.
  bool is_linked() const noexcept;
  void set_name(std::string_view wanted) noexcept {  // cut to fit
    name[wanted.copy(name, sizeof name - 1)] = 0;
    named = !wanted.empty();
  }
  bool may_move() const noexcept { return !pinned && pins == 0; }
};

}  // namespace rt
TAUT_END_NAMESPACE
