// SPDX-License-Identifier: Apache-2.0
// What the context layer does for the scheduler: goroutines bound to a context, and waits that a
// context may end. See context_node.h.
//
// Memory order
//   MO-1  relaxed: a fact for diagnosis, written by the waiting goroutine.
#include "sched/bound.h"

#include "base/recording.h"
#include "context/context_node.h"
#include "sched/context_waits.h"
#include "sched/park.h"
#include "taut/go.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

class binder final : public bound_contexts {
 public:
  void bind(goroutine* g, context_node* node) noexcept override {
    node->ref();
    g->bound = node;
    g->bound_next = g->bound_previous = nullptr;
    canceler_node* n = ender_of(node);
    if (n == nullptr) return;
    hold h(n->guard);
    g->bound_next = n->first_bound;
    if (g->bound_next != nullptr) g->bound_next->bound_previous = g;
    n->first_bound = g;
    // Its first wait ends at once.
    if (n->state.load() != context_state::live) g->interrupts.fetch_or(interrupt::bound);
  }

  void unbind(goroutine* g) noexcept override {
    context_node* node = g->bound;
    g->bound = nullptr;
    if (canceler_node* n = ender_of(node)) {
      hold h(n->guard);
      (g->bound_previous != nullptr ? g->bound_previous->bound_next : n->first_bound) =
          g->bound_next;
      if (g->bound_next != nullptr) g->bound_next->bound_previous = g->bound_previous;
    }
    unref(node);
  }
};

class waits final : public context_waits {
 public:
  void add(goroutine* g, context_node* node, context_wait& link) noexcept override {
    canceler_node* n = ender_of(node);
    if (n == nullptr) return;
    if constexpr (records) g->wait_context.store(node, std::memory_order_relaxed);  // MO-1
    hold h(n->guard);
    if (n->state.load() != context_state::live) {
      g->interrupts.fetch_or(interrupt::context);
      return;
    }
    link.previous = nullptr;
    link.next = n->first_wait;
    if (link.next != nullptr) link.next->previous = &link;
    n->first_wait = &link;
    link.linked = true;
  }

  void remove(context_node* node, context_wait& link) noexcept override {
    canceler_node* n = ender_of(node);
    if (n == nullptr) return;
    if constexpr (records) link.g->wait_context.store(nullptr, std::memory_order_relaxed);  // MO-1
    hold h(n->guard);
    if (!link.linked) return;
    (link.previous != nullptr ? link.previous->next : n->first_wait) = link.next;
    if (link.next != nullptr) link.next->previous = link.previous;
    link.linked = false;
  }

  std::error_code error(context_node* node) noexcept override {
    canceler_node* n = ender_of(node);
    return n == nullptr || !has_ended(*n) ? std::error_code() : error_of(n->state.load());
  }
};

}  // namespace

void register_contexts() noexcept {
  static binder the_binder;
  static waits the_waits;
  if (the_context_waits.load() != nullptr) return;
  the_bound_contexts.store(&the_binder);
  the_context_waits.store(&the_waits);
}

}  // namespace rt

context this_goroutine::bound() {
  rt::goroutine* g = rt::current_goroutine_or_null();
  if (g == nullptr || g->bound == nullptr) return {};
  g->bound->ref();
  return context(g->bound);
}

TAUT_END_NAMESPACE
