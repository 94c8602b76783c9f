// SPDX-License-Identifier: Apache-2.0
// call_after: a goroutine, later.
//
// States       armed -> fired, by its timer; armed -> stopped, by stop(); both -> armed, by
// reset(). Life         Two may own the state: the handle, and the armed timer. Who leaves last
// deletes it. The function is shared with the goroutines that run
//              it, so that it never dies where user code may not run.
#include <atomic>
#include <exception>
#include <memory>
#include <utility>

#include "base/check.h"
#include "sched/timers.h"
#include "taut/go.h"
#include "taut/time.h"
#include "time/tick_channel.h"

TAUT_BEGIN_NAMESPACE

struct call_after::state : rt::timer {
  std::shared_ptr<std::function<void()>> f;
  detail::site where;
  std::atomic<int> owners{2};

  void leave() noexcept {
    if (owners.fetch_sub(1) == 1) delete this;
  }
  static std::int64_t run(rt::timer& t, std::int64_t) {
    auto* s = static_cast<state*>(&t);
    auto f = s->f;
    const detail::site where = s->where;
    s->leave();
    try {
      go([f = std::move(f)] { (*f)(); }, where);
    } catch (const std::exception&) {
      rt::fatal("no memory for the goroutine of call_after");
    }
    return rt::no_deadline;
  }
};

call_after::call_after(std::chrono::nanoseconds d, std::function<void()> f, detail::site where) {
  auto s = std::make_unique<state>();
  s->f = std::make_shared<std::function<void()>>(std::move(f));
  s->where = where;
  s->fire = state::run;
  s->unlocked = true;
  state_ = s.release();
  rt::arm(*state_, rt::deadline_after(d));
}

call_after::call_after(call_after&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)) {}

call_after& call_after::operator=(call_after&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

call_after::~call_after() {
  if (state_ == nullptr) return;
  stop();
  state_->leave();
}

bool call_after::stop() noexcept {
  if (state_ == nullptr || !rt::disarm(*state_)) return false;
  state_->leave();
  return true;
}

bool call_after::reset(std::chrono::nanoseconds d) noexcept {
  if (state_ == nullptr) return false;
  const bool active = rt::disarm(*state_);
  if (!active) state_->owners.fetch_add(1);
  rt::arm(*state_, rt::deadline_after(d));
  return active;
}

void call_after::release() noexcept {
  if (state_ != nullptr) std::exchange(state_, nullptr)->leave();
}

TAUT_END_NAMESPACE
