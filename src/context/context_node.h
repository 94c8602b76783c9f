// SPDX-License-Identifier: Apache-2.0
// The nodes behind contexts: a tree that ends downwards.
//
// Three sizes of node. A plain one only has a kind and a parent (TODO, WithoutCancel); a value node
// has a key and a value; a canceler can end. Each node knows `ender`, the nearest canceler on the
// way to the root, itself included: everything that waits for an end waits there.
//
// Invariants, whenever guard is free
//   A live canceler with a canceler above it is linked in that one's children. An ended canceler
//   has no children. Every goroutine bound to it, and every wait for it, is linked in its lists;
//   both unlink themselves. `kept`: the node holds a reference to itself while something other than
//   a handle shows that it ended (done channel, stop source, functions), so that its parent or its
//   timer still finds it when the last handle is gone. Dropped when it ends, or when nothing can
//   end it any more.
//
// States       live -> canceled | deadline_exceeded, once.
// Life         In slab memory; counted references: handles, children (of their parent), bound
// goroutines, registered functions. Parents hold their children
//              weakly: a dying node unlinks itself under its parent's guard, and disarms its timer
//              and stop callback first, so that none of the three meets a freed node.
//
// Locks        guard (rank::context), a parent before its child; then timers, chan, sched. Ending a
// tree holds the guards along one path, so who calls
//              cancel() second returns after all descendants have ended too. What runs other code
//              (functions, stop callbacks, freeing) is collected and done after all guards are
//              free.
//
// Memory order
//   MO-1  relaxed: a reference is added by who has one.
//   MO-2  relaxed: facts for diagnosis.
#pragma once

#include <any>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <typeinfo>

#include "base/lock.h"
#include "sched/context_waits.h"
#include "sched/goroutine.h"
#include "sched/timers.h"
#include "taut/context.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct canceler_node;

enum class context_kind : std::uint8_t {
  todo,
  without_cancel,
  value,
  cancel,
  deadline,
  stop_token,
  signal
};
enum class context_state : std::uint8_t { live, canceled, deadline_exceeded };
enum class cancel_handle : std::uint8_t { none, alive, released, used };

}  // namespace rt

namespace detail {

struct context_node {
  rt::context_kind kind = rt::context_kind::todo;
  std::atomic<std::uint32_t> references{1};
  context_node* parent = nullptr;      // a reference; nullptr: background
  rt::canceler_node* ender = nullptr;  // nullptr: it never ends
  std::int64_t deadline = rt::no_deadline;
  site made;
  std::uint64_t maker = 0;  // goroutine

  void ref() noexcept { references.fetch_add(1, std::memory_order_relaxed); }  // MO-1
};

}  // namespace detail

namespace rt {

using detail::context_node;

struct value_node : context_node {
  explicit value_node(const std::type_info* k) : key(k) {}
  const std::type_info* key;
  std::any value;
};

// A function that runs once its context has ended. Two may own it: the handle, and the node while
// it is linked there.
struct end_function {
  canceler_node* node = nullptr;  // a reference
  end_function* next = nullptr;   // guarded by the node's guard
  end_function* previous = nullptr;
  bool linked = false;
  bool direct = false;  // the runtime's own: runs in who ends the context, no goroutine
  std::atomic<int> owners{1};
  std::function<void()> f;
  site where;
};

struct canceler_node : context_node {
  lock guard{rank::context};
  std::atomic<context_state> state{context_state::live};
  std::atomic<bool> finished{false};  // done is closed too
  std::atomic<cancel_handle> handle{cancel_handle::none};
  bool kept TAUT_GUARDED_BY(guard) = false;
  bool linked = false;            // in the parent's children; guarded by the parent's guard
  canceler_node* next = nullptr;  // siblings; guarded by the parent's guard
  canceler_node* previous = nullptr;
  canceler_node* first_child TAUT_GUARDED_BY(guard) = nullptr;
  goroutine* first_bound TAUT_GUARDED_BY(guard) = nullptr;
  context_wait* first_wait TAUT_GUARDED_BY(guard) = nullptr;
  end_function* first_function TAUT_GUARDED_BY(guard) = nullptr;
  detail::chan_core* done TAUT_GUARDED_BY(guard) = nullptr;  // a sending handle; made when first
                                                             // asked for
  canceler_node* walk_up = nullptr;  // while a tree ends: whence; then: the next with work left
  std::exception_ptr cause;          // null: the plain one; written once, before state
  std::exception_ptr deadline_cause;
  std::unique_ptr<std::stop_source> stops TAUT_GUARDED_BY(guard);
  struct stop_link;
  std::unique_ptr<stop_link> stop;  // with_stop_token
  struct end_timer : rt::timer {
    canceler_node* node = nullptr;
  } timer;
  bool timed = false;  // the timer was armed
  // --- Evidence.
  std::atomic<site> ended_at{};            // where it was cancelled
  std::atomic<std::uint64_t> ended_by{0};  // goroutine
};

// Why and by whom a tree ends.
struct ending {
  context_state state = context_state::canceled;
  std::exception_ptr cause;
  site where;
  // The caller is no goroutine that may run what others wrote: a timer, a stop callback. A
  // goroutine of its own does that.
  bool detached = false;
};

// Ends root and its descendants; does nothing when it has ended.
void end_context(canceler_node* root, ending why) noexcept;

// A new canceler below `parent`, linked or, when the parent has ended, ended. Throws
// std::bad_alloc.
canceler_node* make_canceler(const context& parent, context_kind kind, site where);
// The context and the cancel handle of a new canceler.
cancelable hand_out(canceler_node* n) noexcept;
// Starts the life of a node that was just built: parent and maker.
void begin_node(context_node& n, const context& parent, context_kind kind, site where) noexcept;

void unref(context_node* n) noexcept;

inline canceler_node* ender_of(const context_node* n) noexcept {
  return n == nullptr ? nullptr : n->ender;
}

// Ended, and its done channel is closed.
bool has_ended(canceler_node& n) noexcept;
std::error_code error_of(context_state s) noexcept;

// Makes n keep itself alive until it ends, if anything can end it. Under its guard.
void keep(canceler_node& n) noexcept;
// The cancel handle is gone, or gave up its duty.
void leave_handle(canceler_node& n, cancel_handle how) noexcept;

// Links f, or returns false when the node has ended: then the caller runs it.
bool add_function(end_function* f) noexcept;
void leave_function(end_function* f) noexcept;
// Runs f in a goroutine, or at once when it is direct; gives up the node's share.
void run_function(end_function* f) noexcept;

// Registers the layer with the scheduler. Before the first node can be given to anybody.
void register_contexts() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
