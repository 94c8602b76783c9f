// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in poll_fd.h: relaxed first look at state.
//   MO-2  as in poll_fd.h: acquire-release CAS of state.
//   MO-3  as in poll_fd.h: relaxed generation and flags.
#include "io/poll_fd.h"

#include <new>

#include "base/clock.h"
#include "base/slab.h"
#include "io/epoll.h"
#include "io/starved.h"
#include "io/syscall.h"
#include "sched/context_waits.h"
#include "sched/park.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

using namespace fd_state;

std::atomic<int> io_waiting{0};

namespace {

lock free_lock{rank::registry};
poll_fd* free_list TAUT_GUARDED_BY(free_lock) = nullptr;

constexpr int tag_shift = 48;

poll_fd* take_block() noexcept {
  {
    hold h(free_lock);
    if (poll_fd* p = free_list) {
      free_list = p->next_free;
      return p;
    }
  }
  void* memory = slab_take(sizeof(poll_fd));
  return memory == nullptr ? nullptr : ::new (memory) poll_fd;
}

void free_block(poll_fd* p) noexcept {
  {
    hold h(p->guard);
    p->generation.store(
        static_cast<std::uint16_t>(p->generation.load(std::memory_order_relaxed) + 1),  // MO-3
        std::memory_order_relaxed);                                                     // MO-3
  }
  hold h(free_lock);
  p->next_free = free_list;
  free_list = p;
}

// The last user of a closed descriptor left. The block may be gone already.
void close_descriptor(int fd, bool added) noexcept {
  // A duplicate of the descriptor elsewhere would keep the registration alive.
  if (added) sys::epoll_remove(epoll_descriptor(), fd);
  sys::close(fd);
  wake_starved();
}

void after_leaving(poll_fd& p, std::uint64_t now_state, int fd, bool added) noexcept {
  if ((now_state & closed) == 0 || users(now_state) != 0) return;
  close_descriptor(fd, added);
  if ((now_state & orphan) != 0) free_block(&p);
}

void leave(poll_fd& p) noexcept {
  const int fd = p.fd;
  const bool added = p.added.load();
  after_leaving(p, p.state.fetch_sub(user) - user, fd, added);
}

// Goroutines to make ready once guard is free, linked by waiter::next.
struct ready_list {
  waiter* first = nullptr;
  int count = 0;

  void take_all(wait_queue& q) noexcept {
    while (waiter* w = q.first) {
      // Left behind by a runtime that was stopped: its goroutine is gone, and this may be
      // another's.
      if (w->queue != &q || w->key != w->g->id.load()) {
        q.first = q.last = nullptr;
        return;
      }
      q.unlink(*w);
      if (!take(*w)) continue;
      w->next = first;
      first = w;
      ++count;
    }
  }
  int wake() noexcept {
    // Oldest last: it then runs first.
    while (waiter* w = first) {
      first = w->next;
      ready(w->g);
    }
    return count;
  }
};

struct wait_end {
  std::uint8_t why = 0;      // the interrupt, or 0
  bool handed_over = false;  // the turn
  std::error_code context;   // why == context
};

void link(wait_queue& q, goroutine* g, bool claimable) noexcept {
  waiter& w = g->single;
  w.key = g->id.load(std::memory_order_relaxed);  // MO-3: its own
  w.success = false;
  w.claimable = claimable;
  q.append(w);
}

void park_with_guard(poll_fd& p, goroutine* g, site where) noexcept TAUT_LOCKS_BY_HAND {
  io_waiting.fetch_add(1);
  p.guard.announce_release();
  park(g, {wait_reason::io_wait, &p, where}, release_lock, &p.guard);
  io_waiting.fetch_sub(1);
}

// Waits in q until woken, or until the deadline (0: none) or a context ends it. needed() decides
// under guard whether there is anything to wait for.
template <class Needed>
wait_end wait_in(poll_fd& p, wait_queue& q, std::int64_t deadline, io_limit limit, site where,
                 Needed&& needed) noexcept TAUT_LOCKS_BY_HAND {
  goroutine* g = current_goroutine();
  std::uint8_t asked = deadline != 0 ? interrupt::deadline : 0;
  if (limit.context != nullptr) asked |= interrupt::context;
  std::uint8_t mask = interrupts_for(g, asked);
  // An explicit form never throws canceled.
  if (limit.explicit_context) mask &= static_cast<std::uint8_t>(~interrupt::bound);
  wait_end end;
  if (mask == 0) {
    p.guard.acquire();
    if (!needed()) {
      p.guard.release();
      return end;
    }
    link(q, g, false);
    park_with_guard(p, g, where);
    end.handed_over = g->single.success;
    return end;
  }
  begin_claimable(g, mask);
  context_wait_scope until(g, limit.context);
  wait_deadline alarm;
  if (deadline != 0) alarm.arm(g, deadline);
  p.guard.acquire();
  g->single.success = false;
  if (needed()) {
    link(q, g, true);
    if (interrupted_before_park(g)) {
      q.unlink(g->single);
      p.guard.release();
    } else {
      park_with_guard(p, g, where);
    }
  } else if (claim(g)) {
    p.guard.release();
  } else {
    park_with_guard(p, g, where);  // an interrupt won, and is about to wake this goroutine
  }
  if (g->ended_by != 0) {
    hold h(p.guard);
    if (g->single.queue == &q) q.unlink(g->single);
  }
  until.leave();
  alarm.disarm();
  end.why = end_claimable(g);
  end.handed_over = g->single.success;
  if (end.why == interrupt::context) end.context = until.error();
  return end;
}

}  // namespace

poll_fd* open_poll_fd(int fd, fd_kind kind) noexcept {
  poll_fd* p = ensure_poller() ? take_block() : nullptr;
  if (p == nullptr) {
    sys::close(fd);
    return nullptr;
  }
  p->fd = fd;
  p->kind = kind;
  p->added.store(false);
  p->any_event_reads = false;
  p->gone.store(false);
  p->urgent.store(false);
  for (fd_side& s : p->sides) {
    s.deadline.store(0);
    s.drained = false;
    s.streak = 0;
    s.waiters.clear();
    s.turns.clear();
  }
  p->state.store(0);
  return p;
}

bool close_fd(poll_fd& p) noexcept {
  std::uint64_t s = p.state.load();
  do {
    if ((s & closed) != 0) return false;
  } while (!p.state.compare_exchange_weak(s, (s | closed) + user));
  ready_list woken;
  {
    hold h(p.guard);
    for (fd_side& side : p.sides) {
      woken.take_all(side.waiters);
      woken.take_all(side.turns);
    }
  }
  woken.wake();
  leave(p);
  return true;
}

void drop_poll_fd(poll_fd* p) noexcept {
  close_fd(*p);
  const std::uint64_t before = p->state.fetch_or(orphan);
  if (users(before) == 0) free_block(p);
}

void set_fd_deadline(poll_fd& p, direction d, std::int64_t deadline) noexcept {
  ready_list woken;
  {
    hold h(p.guard);
    fd_side& side = p.side(d);
    side.deadline.store(deadline);
    woken.take_all(side.waiters);
    woken.take_all(side.turns);
  }
  woken.wake();
}

bool past_deadline(const fd_side& side) noexcept {
  const std::int64_t deadline = side.deadline.load();
  return TAUT_UNLIKELY(deadline != 0) && now() >= deadline;
}

std::error_code add_to_poller(poll_fd& p) noexcept {
  if (TAUT_LIKELY(p.added.load())) return {};
  const int r = epoll_watch(p.fd, tag_of(p));
  // Another direction may have added it meanwhile.
  if (r < 0 && r != -EEXIST) return sys::error_of(r);
  p.added.store(true);
  return {};
}

std::error_code wait_ready(poll_fd& p, direction d, std::uint32_t seen, io_limit limit, site where,
                           std::int64_t until) {
  if (std::error_code e = add_to_poller(p)) return e;
  fd_side& side = p.side(d);
  const std::int64_t own = side.deadline.load();
  const std::int64_t deadline = own == 0 || (until != 0 && until < own) ? until : own;
  const wait_end end = wait_in(p, side.waiters, deadline, limit, where, [&]() noexcept {
    return side.sequence.load() == seen && !is_closed(p) && side.deadline.load() == own;
  });
  if (end.why == interrupt::context) return end.context;
  if (end.why == interrupt::bound || end.why == interrupt::unwind) throw_interrupt(end.why);
  return {};
}

fd_use::fd_use(poll_fd* p) noexcept : p_(p) {
  if (p == nullptr) return;
  std::uint64_t s = p->state.load(std::memory_order_relaxed);  // MO-1
  do {
    if ((s & closed) != 0) {
      p_ = nullptr;
      return;
    }
  } while (!p->state.compare_exchange_weak(s, s + user));
}

fd_use::~fd_use() {
  if (p_ != nullptr) leave(*p_);
}

std::error_code fd_turn::take_slow(io_limit limit, site where) {
  fd_side& side = p_.side(d_);
  for (;;) {
    std::uint64_t s = p_.state.load();
    if ((s & closed) != 0) return errc::closed;
    if (past_deadline(side)) return errc::deadline_exceeded;
    if ((s & busy(d_)) == 0) {
      if (p_.state.compare_exchange_strong(s, (s | busy(d_)) + user,
                                           std::memory_order_acq_rel)) {  // MO-2
        taken_ = true;
        return {};
      }
      continue;
    }
    const std::int64_t deadline = side.deadline.load();
    const wait_end end = wait_in(p_, side.turns, deadline, limit, where, [&]() noexcept {
      std::uint64_t seen = p_.state.load();
      do {
        if ((seen & closed) != 0 || (seen & busy(d_)) == 0) return false;
      } while (!p_.state.compare_exchange_weak(seen, seen | queued(d_)));
      return side.deadline.load() == deadline;
    });
    if (end.handed_over) {
      taken_ = true;
      return {};
    }
    if (end.why == interrupt::context) return end.context;
    if (end.why == interrupt::bound || end.why == interrupt::unwind) {
      throw_interrupt(end.why);
    }
  }
}

void fd_turn::give() noexcept {
  const int fd = p_.fd;
  const bool added = p_.added.load();
  std::uint64_t s = p_.state.load(std::memory_order_relaxed);  // MO-1
  while ((s & queued(d_)) == 0) {
    const std::uint64_t next = (s & ~busy(d_)) - user;
    if (p_.state.compare_exchange_weak(s, next, std::memory_order_acq_rel)) {  // MO-2
      after_leaving(p_, next, fd, added);
      return;
    }
  }
  // `queued` is set under guard only, so with guard held it says the truth.
  waiter* heir;
  std::uint64_t next = 0;
  {
    hold h(p_.guard);
    fd_side& side = p_.side(d_);
    heir = side.turns.take_first();
    if (heir != nullptr) {
      heir->success = true;
      if (side.turns.empty()) p_.state.fetch_and(~queued(d_));
    } else {
      s = p_.state.load();
      do {
        next = (s & ~(busy(d_) | queued(d_))) - user;
      } while (!p_.state.compare_exchange_weak(s, next));
    }
  }
  if (heir != nullptr) {
    ready(heir->g);
  } else {
    after_leaving(p_, next, fd, added);
  }
}

std::uint64_t tag_of(const poll_fd& p) noexcept {
  return reinterpret_cast<std::uintptr_t>(&p) |
         static_cast<std::uint64_t>(p.generation.load(std::memory_order_relaxed))
             << tag_shift;  // MO-3
}

int deliver(std::uint64_t tag, unsigned events) noexcept {
  auto& p = *reinterpret_cast<poll_fd*>(tag & ((std::uint64_t{1} << tag_shift) - 1));
  ready_list woken;
  {
    hold h(p.guard);
    if (p.generation.load(std::memory_order_relaxed) != tag >> tag_shift) return 0;  // MO-3
    if ((events & event_gone) != 0) p.gone.store(true);
    if (p.any_event_reads) events |= event_read;
    if ((events & event_urgent) != 0) p.urgent.store(true);
    constexpr unsigned of_direction[directions] = {event_read, event_write, event_gone};
    for (int d = 0; d < directions; ++d) {
      if ((events & of_direction[d]) == 0) continue;
      p.sides[d].sequence.fetch_add(1);
      woken.take_all(p.sides[d].waiters);
    }
  }
  return woken.wake();
}

}  // namespace rt
TAUT_END_NAMESPACE
