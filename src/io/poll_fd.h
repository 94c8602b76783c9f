// SPDX-License-Identifier: Apache-2.0
// One open descriptor: who uses it, who waits for it.
//
// Life
//   A block comes from a free list of its own and never becomes anything else, so that a late event
//   may look at it: `generation` tells whether it is still the same descriptor. `state` settles who
//   closes and who frees:
//     closed    close() was called; nobody may begin. The descriptor itself is closed when the last
//     user of it has left (so its number
//               cannot be reused under a system call in flight); that is once, at the step to
//               closed with 0 users.
//     orphan    the owning object is gone: whoever makes, or finds, closed + orphan with 0 users
//     frees the block. busy[d]   a goroutine has the turn in direction d: reads are served one at a
//     time, and so are writes. It is a user too. queued[d] others wait for that turn, in `turns`;
//     then the turn is handed over under guard, with its use.
//
// Readiness
//   The descriptor is added to the poller at the first wait, edge-triggered, once for all
//   directions. Each event raises the direction's `sequence`. An operation notes the sequence,
//   tries the system call, and on EAGAIN waits until the sequence is not what it noted: an event in
//   between is never missed, at worst it costs one more try.
//
// Waiting
//   Every wait is linked by goroutine::single in `waiters` or `turns`; whoever ends it (event,
//   close, new deadline, hand-over) unlinks it under guard and, if it is claimable, claims it. A
//   deadline belongs to the direction; a wait arms it for itself, and set_deadline wakes the waits
//   so that they look again.
//
// Locks         guard (rank::poll_fd); rank::sched under it through ready(). Parking with it held
// releases it after the switch.
//
// Memory order
//   MO-1  relaxed: the first look at `state`; the CAS decides.
//   MO-2  acquire-release: a CAS of `state`: what the last holder of the turn left (drained,
//   streak) is seen by the next. MO-3  relaxed: generation and flags, written under guard; a late
//   view costs one more try.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include "base/lock.h"
#include "chan/chan_core.h"
#include "sched/goroutine.h"
#include "taut/export.h"
#include "taut/stream.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

enum class direction : std::uint8_t { read, write, hang_up };
inline constexpr int directions = 3;

enum class fd_kind : std::uint8_t { tcp, socket, pipe, other };

// Bits of poll_fd::state.
namespace fd_state {
inline constexpr std::uint64_t closed = 1, orphan = 2, user = 64;
constexpr std::uint64_t busy(direction d) noexcept {
  return std::uint64_t{4} << static_cast<int>(d);
}
constexpr std::uint64_t queued(direction d) noexcept {
  return std::uint64_t{16} << static_cast<int>(d);
}
constexpr std::uint64_t users(std::uint64_t s) noexcept { return s / user; }
}  // namespace fd_state

struct fd_side {
  std::atomic<std::uint32_t> sequence{0};  // events so far; raised under guard
  std::atomic<std::int64_t> deadline{0};   // scheduler's clock; 0: none
  wait_queue waiters;                      // for an event; guarded by guard
  wait_queue turns;                        // for the turn; guarded by guard
  // Owned by who has the turn.
  bool drained = false;  // the last read took all there was, when `sequence` was drained_at
  std::uint32_t drained_at = 0;
  std::uint32_t streak = 0;  // operations since the last yield
};

}  // namespace rt

namespace detail {

struct poll_fd {
  std::atomic<std::uint64_t> state{rt::fd_state::closed};
  int fd = -1;                            // constant while it is open
  rt::fd_kind kind = rt::fd_kind::other;  // constant while it is open
  std::atomic<bool> added{false};         // the poller knows it
  bool any_event_reads = false;     // every event counts as one for reading; set before it is added
  std::atomic<bool> gone{false};    // an event said that the peer hung up
  std::atomic<bool> urgent{false};  // an event announced urgent data, at which reads stop
  std::atomic<std::uint16_t> generation{0};
  rt::lock guard{rt::rank::poll_fd};
  rt::fd_side sides[rt::directions];
  poll_fd* next_free = nullptr;  // also: link of the listeners that are short of descriptors

  rt::fd_side& side(rt::direction d) noexcept { return sides[static_cast<int>(d)]; }
};

}  // namespace detail

namespace rt {

using detail::io_limit;
using detail::poll_fd;

// A record for an open, non-blocking descriptor, which it owns from now on. nullptr (fd closed)
// without memory or a poller.
poll_fd* open_poll_fd(int fd, fd_kind kind) noexcept;
// Wakes every wait and forbids new use; the descriptor is closed when the last user has left. False
// when it was closed already.
bool close_fd(poll_fd& p) noexcept;
// The owning object goes.
void drop_poll_fd(poll_fd* p) noexcept;
void set_fd_deadline(poll_fd& p, direction d, std::int64_t deadline) noexcept;

// Adds the descriptor to the poller unless it is. An error when that is impossible: EPERM for a
// regular file.
std::error_code add_to_poller(poll_fd& p) noexcept;
// Blocks until the side's sequence is not `seen`, its deadline changed or passed, or `until` (0:
// never) has come; then look again. The caller uses the descriptor. An error when it cannot be
// waited for, or when an explicit context ended. Throws canceled for the bound context.
std::error_code wait_ready(poll_fd& p, direction d, std::uint32_t seen, io_limit limit, site where,
                           std::int64_t until = 0);

// The use of a descriptor without a turn: keeps its number from being reused.
class fd_use {
 public:
  explicit fd_use(poll_fd* p) noexcept;
  ~fd_use();
  fd_use(const fd_use&) = delete;
  fd_use& operator=(const fd_use&) = delete;
  explicit operator bool() const noexcept { return p_ != nullptr; }

 private:
  poll_fd* p_;
};

// The turn in one direction. take() may block like wait_ready.
class fd_turn {
 public:
  fd_turn(poll_fd& p, direction d) noexcept : p_(p), d_(d) {}
  ~fd_turn() {
    if (taken_) give();
  }
  fd_turn(const fd_turn&) = delete;
  fd_turn& operator=(const fd_turn&) = delete;
  std::error_code take(io_limit limit, site where) {
    using namespace fd_state;
    std::uint64_t s = p_.state.load(std::memory_order_relaxed);  // MO-1
    if (TAUT_LIKELY((s & (closed | busy(d_))) == 0 &&
                    p_.state.compare_exchange_strong(s, (s | busy(d_)) + user,
                                                     std::memory_order_acq_rel))) {  // MO-2
      taken_ = true;
      return {};
    }
    return take_slow(limit, where);
  }

 private:
  std::error_code take_slow(io_limit limit, site where);
  void give() noexcept;
  poll_fd& p_;
  const direction d_;
  bool taken_ = false;
};

// Whether the direction's deadline has passed.
bool past_deadline(const fd_side& side) noexcept;
inline bool is_closed(const poll_fd& p) noexcept {
  return (p.state.load() & fd_state::closed) != 0;
}

// What the poller found for the descriptor that was added with this tag.
inline constexpr unsigned event_read = 1, event_write = 2, event_gone = 4, event_urgent = 8;
int deliver(std::uint64_t tag, unsigned events) noexcept;
std::uint64_t tag_of(const poll_fd& p) noexcept;

// Goroutines that wait for a descriptor now.
extern std::atomic<int> io_waiting;

}  // namespace rt
TAUT_END_NAMESPACE
