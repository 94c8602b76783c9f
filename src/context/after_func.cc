// SPDX-License-Identifier: Apache-2.0
// Functions that run once a context has ended, and what keeps a node alive for them. See
// context_node.h.
#include <exception>
#include <utility>

#include "base/check.h"
#include "context/context_node.h"
#include "taut/go.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

bool can_end(const canceler_node& n) noexcept {
  return n.handle.load() == cancel_handle::alive || ender_of(n.parent) != nullptr || n.timed ||
         n.stop != nullptr || n.kind == context_kind::signal;
}

}  // namespace

void keep(canceler_node& n) noexcept TAUT_REQUIRES(n.guard) {
  if (n.kept || !can_end(n)) return;
  n.kept = true;
  n.ref();
}

void leave_handle(canceler_node& n, cancel_handle how) noexcept {
  bool forgotten = false;
  {
    hold h(n.guard);
    n.handle.store(how);
    if (n.kept && !can_end(n)) {
      n.kept = false;
      forgotten = true;
    }
  }
  if (forgotten) unref(&n);
}

bool add_function(end_function* f) noexcept {
  canceler_node& n = *f->node;
  hold h(n.guard);
  if (n.state.load() != context_state::live) return false;
  f->next = n.first_function;
  if (f->next != nullptr) f->next->previous = f;
  n.first_function = f;
  f->linked = true;
  f->owners.fetch_add(1);
  keep(n);
  return true;
}

void leave_function(end_function* f) noexcept {
  if (f->owners.fetch_sub(1) != 1) return;
  if (f->node != nullptr) unref(f->node);
  delete f;
}

void run_function(end_function* f) noexcept {
  if (f->direct) {
    f->f();
    leave_function(f);
    return;
  }
  try {
    go(
        [f] {
          const auto call = std::move(f->f);
          leave_function(f);
          call();
        },
        f->where);
  } catch (const std::exception&) {
    fatal("no memory for the goroutine of after_func");
  }
}

}  // namespace rt

using namespace rt;

after_func::after_func(const context& ctx, std::function<void()> f, detail::site where) {
  auto* mine = new end_function;
  mine->f = std::move(f);
  mine->where = where;
  registration_ = mine;
  canceler_node* n = ender_of(ctx.node());
  if (n == nullptr) return;
  n->ref();
  mine->node = n;
  if (add_function(mine)) return;
  mine->owners.fetch_add(1);
  run_function(mine);
}

after_func::after_func(after_func&& other) noexcept
    : registration_(std::exchange(other.registration_, nullptr)) {}

after_func& after_func::operator=(after_func&& other) noexcept {
  std::swap(registration_, other.registration_);
  return *this;
}

after_func::~after_func() {
  if (registration_ == nullptr) return;
  stop();
  leave_function(static_cast<end_function*>(registration_));
}

bool after_func::stop() noexcept {
  auto* f = static_cast<end_function*>(registration_);
  // On a context that never ends it is stopped once, too.
  if (f == nullptr || f->node == nullptr)
    return f != nullptr && std::exchange(f->f, nullptr) != nullptr;
  canceler_node& n = *f->node;
  {
    hold h(n.guard);
    if (!f->linked) return false;
    (f->previous != nullptr ? f->previous->next : n.first_function) = f->next;
    if (f->next != nullptr) f->next->previous = f->previous;
    f->linked = false;
  }
  f->f = nullptr;
  leave_function(f);
  return true;
}

void after_func::release() noexcept {
  if (registration_ != nullptr)
    leave_function(static_cast<end_function*>(std::exchange(registration_, nullptr)));
}

TAUT_END_NAMESPACE
