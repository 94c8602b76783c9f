// SPDX-License-Identifier: Apache-2.0
// Contexts as users see them: the handles, what one can ask, the with_ functions.
#include "taut/context.h"

#include <new>

#include "base/clock.h"
#include "base/slab.h"
#include "chan/chan_core.h"
#include "context/context_node.h"
#include "sched/park.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

detail::context_node* detail::node_of(const context& ctx) noexcept { return ctx.node(); }

context::context(const context& other) noexcept : image_(other.node()) {
  if (detail::context_node* n = node()) n->ref();
}

context& context::operator=(context other) noexcept {
  void* mine = image_.get();
  image_.set(other.image_.wipe());
  other.image_.set(mine);
  return *this;
}

context::~context() { unref(static_cast<detail::context_node*>(image_.wipe())); }

recv_chan<unit> context::done() const {
  canceler_node* n = ender_of(node());
  if (n == nullptr) return {};
  auto take = [n]() TAUT_REQUIRES(n->guard) {
    detail::chan_ref(n->done, detail::recv_right);
    return recv_chan<unit>(n->done);
  };
  {
    hold h(n->guard);
    if (n->done != nullptr) return take();
  }
  detail::chan_core* made =
      detail::chan_make(detail::elem_ops_of<unit>, 0, detail::send_right, false, n->made);
  made->feeder = n;
  detail::chan_core* unused = nullptr;
  recv_chan<unit> mine;
  {
    hold h(n->guard);
    if (n->done == nullptr) {
      n->done = made;
      if (n->state.load() == context_state::live) {
        keep(*n);
      } else {
        close_from_runtime(*made, 0, {});
      }
    } else {
      unused = made;
    }
    mine = take();
  }
  if (unused != nullptr) detail::chan_unref_runtime(unused, detail::send_right);
  return mine;
}

std::error_code context::err() const noexcept {
  canceler_node* n = ender_of(node());
  return n == nullptr || !has_ended(*n) ? std::error_code() : error_of(n->state.load());
}

std::exception_ptr context::cause() const {
  // One object each, so that causes can be compared.
  static const std::exception_ptr canceled =
      std::make_exception_ptr(std::system_error(errc::canceled));
  static const std::exception_ptr late =
      std::make_exception_ptr(std::system_error(errc::deadline_exceeded));
  canceler_node* n = ender_of(node());
  if (n == nullptr || !has_ended(*n)) return nullptr;
  if (n->cause != nullptr) return n->cause;
  return n->state.load() == context_state::canceled ? canceled : late;
}

std::optional<context::time_point> context::deadline() const noexcept {
  const detail::context_node* n = node();
  if (n == nullptr || n->deadline == no_deadline) return std::nullopt;
  return to_time_point(n->deadline);
}

std::error_code context::wait(detail::site where) const {
  choice_point();
  canceler_node* n = ender_of(node());
  if (n == nullptr) {
    block_forever(wait_reason::context_never, where);
    return {};
  }
  goroutine* g = current_goroutine();
  std::uint8_t mask = interrupts_for(g, interrupt::context);
  // Where this context ends with the bound one, its end is an answer and no interruption.
  for (canceler_node* up = n; up != nullptr; up = ender_of(up->parent)) {
    if (up == ender_of(g->bound)) mask &= static_cast<std::uint8_t>(~interrupt::bound);
  }
  begin_claimable(g, mask);
  context_wait_scope until(g, n);
  if (!interrupted_before_park(g)) park(g, {wait_reason::context_done, n, where}, nullptr, nullptr);
  until.leave();
  const std::uint8_t why = end_claimable(g);
  if (why != interrupt::context) throw_interrupt(why);
  return err();
}

const std::any* context::find(const std::type_info& key) const noexcept {
  for (const detail::context_node* n = node(); n != nullptr; n = n->parent) {
    if (n->kind != context_kind::value) continue;
    auto* v = static_cast<const value_node*>(n);
    if (*v->key == key) return &v->value;
  }
  return nullptr;
}

cancel& cancel::operator=(cancel&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(armed_, other.armed_);
  return *this;
}

cancel::~cancel() {
  if (!armed_) return;
  canceler_node* n = ender_of(context_.node());
  end_context(n, {});
  leave_handle(*n, cancel_handle::used);
}

void cancel::operator()(detail::site where) noexcept { (*this)(nullptr, where); }

void cancel::operator()(std::exception_ptr why, detail::site where) noexcept {
  if (canceler_node* n = ender_of(context_.node())) {
    end_context(n, {context_state::canceled, std::move(why), where, false});
  }
}

void cancel::release() noexcept {
  if (!std::exchange(armed_, false)) return;
  leave_handle(*ender_of(context_.node()), cancel_handle::released);
}

namespace {

template <class Node, class... A>
Node* make_node(const context& parent, context_kind kind, detail::site where, A&&... a) {
  register_contexts();
  void* memory = slab_take(sizeof(Node));
  if (memory == nullptr) throw std::bad_alloc();
  auto* n = ::new (memory) Node(std::forward<A>(a)...);
  begin_node(*n, parent, kind, where);
  return n;
}

}  // namespace

cancelable rt::hand_out(canceler_node* n) noexcept {
  n->handle.store(cancel_handle::alive);
  context ctx(n);
  return {ctx, cancel(ctx)};
}

context background() noexcept { return {}; }

context todo() noexcept {
  // Its first reference is never given up.
  static detail::context_node* const root =
      make_node<detail::context_node>({}, context_kind::todo, detail::site());
  root->ref();
  return context(root);
}

cancelable with_cancel(const context& parent, detail::site where) {
  return hand_out(make_canceler(parent, context_kind::cancel, where));
}

cancelable with_deadline(const context& parent, context::time_point when, std::exception_ptr why,
                         detail::site where) {
  const std::int64_t deadline = to_ns(when);
  if (parent.node() != nullptr && parent.node()->deadline <= deadline)
    return with_cancel(parent, where);
  canceler_node* n = make_canceler(parent, context_kind::deadline, where);
  cancelable made = hand_out(n);
  n->deadline = deadline;
  if (deadline <= rt::now()) {
    end_context(n, {context_state::deadline_exceeded, std::move(why), where, false});
    return made;
  }
  n->deadline_cause = std::move(why);
  hold h(n->guard);
  if (n->state.load() == context_state::live) {
    n->timed = true;
    arm(n->timer, deadline);
  }
  return made;
}

cancelable with_timeout(const context& parent, std::chrono::nanoseconds after,
                        std::exception_ptr why, detail::site where) {
  const std::int64_t t = rt::now();
  const std::int64_t deadline =
      after.count() >= no_deadline - 1 - t ? no_deadline - 1 : t + after.count();
  return with_deadline(parent, to_time_point(deadline), std::move(why), where);
}

context without_cancel(const context& parent, detail::site where) {
  return context(make_node<detail::context_node>(parent, context_kind::without_cancel, where));
}

context detail::with_any(const context& parent, const std::type_info& key, std::any value,
                         site where) {
  auto* n = make_node<value_node>(parent, context_kind::value, where, &key);
  n->value = std::move(value);
  return context(n);
}

TAUT_END_NAMESPACE
