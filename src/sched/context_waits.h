// SPDX-License-Identifier: Apache-2.0
// What the context layer owes to a wait that an explicit context may end (recv(ctx), wait(ctx),
// acquire(ctx)). Declared here, to the left of everybody who waits; the context layer registers
// itself when its first context is made, so it is there before a node can be given.
//
//   begin_claimable(g, interrupts_for(g, interrupt::context));
//   context_wait_scope until(g, node);         // node == nullptr: a context that never ends
//   ... enqueue, interrupted_before_park, park, dequeue ...
//   until.leave(); end_claimable(g);           // after leave() the context does not touch g any
//                                              // more
//   if (why == interrupt::context) return until.error();
#pragma once

#include <atomic>
#include <system_error>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {
struct context_node;
}
namespace rt {

struct goroutine;

// One goroutine that waits until a context ends. On its stack; next, previous and linked are
// guarded by the node's lock.
struct context_wait {
  goroutine* g = nullptr;
  context_wait* next = nullptr;
  context_wait* previous = nullptr;
  bool linked = false;
};

class context_waits {
 public:
  // Links `link` in the node's listeners: when the node ends, it calls interrupt_wait(g,
  // interrupt::context) under its lock. When it has ended already, sets interrupt::context in
  // g->interrupts instead, so that interrupted_before_park sees it. g has begun a claimable wait.
  virtual void add(goroutine* g, detail::context_node* node, context_wait& link) noexcept = 0;
  // Unlinks it if it is linked. Afterwards the node does not touch g.
  virtual void remove(detail::context_node* node, context_wait& link) noexcept = 0;
  // Why the node ended: errc::canceled or errc::deadline_exceeded; empty while it lives.
  virtual std::error_code error(detail::context_node* node) noexcept = 0;

 protected:
  ~context_waits() = default;
};

inline std::atomic<context_waits*> the_context_waits{nullptr};

// The error of a node that may be null: empty while it lives.
inline std::error_code context_error(detail::context_node* node) noexcept {
  return node == nullptr ? std::error_code() : the_context_waits.load()->error(node);
}

// Registers the calling goroutine's claimable wait with a node while it lives.
class context_wait_scope {
 public:
  context_wait_scope(goroutine* g, detail::context_node* node) noexcept : node_(node) {
    link_.g = g;
    if (node_ != nullptr) the_context_waits.load()->add(g, node_, link_);
  }
  ~context_wait_scope() { leave(); }
  context_wait_scope(const context_wait_scope&) = delete;
  context_wait_scope& operator=(const context_wait_scope&) = delete;

  void leave() noexcept {
    if (node_ != nullptr && !left_) the_context_waits.load()->remove(node_, link_);
    left_ = true;
  }
  std::error_code error() const noexcept { return context_error(node_); }

 private:
  detail::context_node* node_;
  context_wait link_;
  bool left_ = false;
};

}  // namespace rt
TAUT_END_NAMESPACE
