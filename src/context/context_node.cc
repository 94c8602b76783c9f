// SPDX-License-Identifier: Apache-2.0
// Birth, end and death of nodes. See context_node.h for invariants and locks.
//
// Memory order
//   MO-1  as in context_node.h: a reference is added by who has one.
//   MO-2  as in context_node.h: facts for diagnosis.
#include "context/context_node.h"

#include <new>

#include "base/check.h"
#include "base/handoff.h"
#include "base/recording.h"
#include "base/slab.h"
#include "chan/chan_core.h"
#include "context/stop_link.h"
#include "sched/park.h"
#include "taut/go.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// 0: none, or nothing is recorded.
std::uint64_t caller_id() noexcept {
  if constexpr (!records) return 0;
  goroutine* g = current_goroutine_or_null();
  return g == nullptr ? 0 : g->id.load(std::memory_order_relaxed);  // MO-2
}

void unlink_child(canceler_node& parent, canceler_node& child) noexcept
    TAUT_REQUIRES(parent.guard) {
  if (!child.linked) return;
  (child.previous != nullptr ? child.previous->next : parent.first_child) = child.next;
  if (child.next != nullptr) child.next->previous = child.previous;
  child.linked = false;
}

canceler_node* ender_above(const canceler_node& n) noexcept { return ender_of(n.parent); }

template <class Node>
void free_node(Node* n) noexcept {
  n->~Node();
  slab_give(n, sizeof(Node));
}

// Nobody else has a reference, so nothing needs the guard.
void destroy(context_node* n) noexcept TAUT_LOCKS_BY_HAND {
  if (n->kind == context_kind::value) return free_node(static_cast<value_node*>(n));
  if (n->ender != n) return free_node(n);
  auto* c = static_cast<canceler_node*>(n);
  // First who might still end it, then the parent's walk: after these three nobody else can reach
  // it.
  if (c->timed) disarm(c->timer);
  {
    // ~stop_callback() compares threads, and does not synchronise with a request that another
    // goroutine of this thread made before.
    unseen_section unseen;
    c->stop.reset();
  }
  if (canceler_node* above = ender_above(*c)) {
    hold h(above->guard);
    unlink_child(*above, *c);
  }
  if (c->done != nullptr) detail::chan_unref_runtime(c->done, detail::send_right);
  free_node(c);
}

// The usual case: the cancel handle still has a reference.
bool unref_unless_last(context_node& n) noexcept {
  std::uint32_t seen = n.references.load();
  while (seen > 1) {
    if (n.references.compare_exchange_weak(seen, seen - 1)) return true;
  }
  return false;
}

// Marks n, which is locked, and tells everybody who waits.
void end_one(canceler_node& n, const ending& why, std::uint64_t by) noexcept
    TAUT_REQUIRES(n.guard) {
  n.cause = why.cause;
  if constexpr (records) {
    n.ended_at.store(why.where, std::memory_order_relaxed);  // MO-2
    n.ended_by.store(by, std::memory_order_relaxed);         // MO-2
  }
  n.state.store(why.state);
  if (n.timed) retract(n.timer);
  if (n.done != nullptr) close_from_runtime(*n.done, by, why.where);
  n.finished.store(true);
  for (goroutine* g = n.first_bound; g != nullptr;) {
    goroutine* next = g->bound_next;
    interrupt_wait(g, interrupt::bound);
    g = next;
  }
  for (context_wait* w = n.first_wait; w != nullptr; w = w->next)
    interrupt_wait(w->g, interrupt::context);
}

// What is left when all guards are free: the functions, the stop source, the node's reference to
// itself.
void finish_ended(canceler_node* list) noexcept {
  while (list != nullptr) {
    canceler_node* n = list;
    list = n->walk_up;
    end_function* functions;
    std::stop_source* stops;
    {
      hold h(n->guard);
      functions = n->first_function;
      n->first_function = nullptr;
      for (end_function* f = functions; f != nullptr; f = f->next) f->linked = false;
      stops = n->stops.get();
    }
    while (functions != nullptr) {
      end_function* f = functions;
      functions = f->next;
      run_function(f);
    }
    if (stops != nullptr) stops->request_stop();
    unref(n);
  }
}

}  // namespace

void begin_node(context_node& n, const context& parent, context_kind kind, site where) noexcept {
  n.kind = kind;
  n.parent = parent.node();
  if (n.parent != nullptr) n.parent->ref();
  if (records) {
    n.made = where;
    n.maker = caller_id();
  }
  if (n.parent != nullptr && kind != context_kind::without_cancel) {
    n.ender = n.parent->ender;
    n.deadline = n.parent->deadline;
  }
}

canceler_node* make_canceler(const context& parent, context_kind kind, site where) {
  register_contexts();
  void* memory = slab_take(sizeof(canceler_node));
  if (memory == nullptr) throw std::bad_alloc();
  auto* n = ::new (memory) canceler_node;
  begin_node(*n, parent, kind, where);
  canceler_node* above = n->ender;
  n->ender = n;
  n->timer.node = n;
  n->timer.unlocked = true;
  n->timer.fire = [](rt::timer& t, std::int64_t) -> std::int64_t {
    canceler_node* late = static_cast<canceler_node::end_timer&>(t).node;
    end_context(late, {context_state::deadline_exceeded, late->deadline_cause, {}, true});
    return no_deadline;
  };
  if (above == nullptr) return n;
  ending inherited;
  {
    hold h(above->guard);
    inherited.state = above->state.load();
    if (inherited.state == context_state::live) {
      n->next = above->first_child;
      if (n->next != nullptr) n->next->previous = n;
      above->first_child = n;
      n->linked = true;
      return n;
    }
    inherited.cause = above->cause;
  }
  end_context(n, std::move(inherited));
  return n;
}

void end_context(canceler_node* root, ending why) noexcept TAUT_LOCKS_BY_HAND {
  const std::uint64_t by = caller_id();
  canceler_node* work = nullptr;
  root->guard.acquire();
  if (root->state.load() != context_state::live) {
    root->guard.release();
    return;
  }
  root->walk_up = nullptr;
  canceler_node* n = root;
  end_one(*n, why, by);
  for (;;) {
    if (canceler_node* child = n->first_child) {
      unlink_child(*n, *child);
      child->guard.acquire();
      // One that ends now by itself waits for n's guard to unlink itself: nothing to do for it, nor
      // for its children.
      if (child->state.load() != context_state::live) {
        child->guard.release();
        continue;
      }
      // The path holds n's guard: a dying child waits for it before it goes.
      child->walk_up = n;
      end_one(*child, why, by);
      n = child;
      continue;
    }
    canceler_node* up = n->walk_up;
    if (n->kept) {
      n->kept = false;
      const bool quiet = n->first_function == nullptr && n->stops == nullptr;
      if (!quiet || !unref_unless_last(*n)) {
        n->walk_up = work;
        work = n;
      }
    }
    n->guard.release();
    if (up == nullptr) break;
    n = up;
  }
  if (canceler_node* above = ender_above(*root)) {
    hold h(above->guard);
    unlink_child(*above, *root);
  }
  if (work == nullptr) return;
  if (!why.detached) return finish_ended(work);
  try {
    go([work] { finish_ended(work); }, why.where);
  } catch (const std::exception&) {
    fatal("no memory for the goroutine that runs what a context's end started");
  }
}

void unref(context_node* n) noexcept {
  // A loop, for a chain may be long.
  while (n != nullptr && n->references.fetch_sub(1) == 1) {
    context_node* parent = n->parent;
    destroy(n);
    n = parent;
  }
}

bool has_ended(canceler_node& n) noexcept {
  if (n.state.load() == context_state::live) return false;
  // Whoever is told of the end finds the done channel closed.
  if (!n.finished.load()) hold h(n.guard);
  return true;
}

std::error_code error_of(context_state s) noexcept {
  switch (s) {
    case context_state::canceled:
      return errc::canceled;
    case context_state::deadline_exceeded:
      return errc::deadline_exceeded;
    case context_state::live:
      break;
  }
  return {};
}

}  // namespace rt
TAUT_END_NAMESPACE
