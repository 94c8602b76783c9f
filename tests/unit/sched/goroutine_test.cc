// SPDX-License-Identifier: Apache-2.0
// What a goroutine does, told by what it needs for it.
#include "sched/goroutine.h"

#include <gtest/gtest.h>

#include <atomic>

#include "sched/current.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/context.h"
#include "taut/go.h"
#include "taut/scope.h"
#include "taut/select.h"
#include "taut/wait_group.h"

namespace {

using taut::chan;
using taut::rt::claim_state;
using taut::rt::goroutine;
using taut::rt::goroutine_state;
using taut::rt::wait_reason;
using taut::test::until;

// A goroutine that waits in `wait`, once it has left its worker.
template <class Wait>
const goroutine& waits(taut::wait_group& group, Wait wait) {
  std::atomic<goroutine*> who{nullptr};
  group.go([&who, wait] {
    who = taut::rt::current_goroutine();
    wait();
    EXPECT_EQ(taut::rt::current_goroutine()->seen_state(), goroutine_state::running);
    // Nothing of the wait is left, for the next one to be taken for it.
    EXPECT_EQ(taut::rt::current_goroutine()->claim.load(), claim_state::none);
    EXPECT_FALSE(taut::rt::current_goroutine()->is_linked());
  });
  until([&] { return who != nullptr && who.load()->seen_state() == goroutine_state::waiting; });
  return *who;
}

RUNTIME_TEST(goroutine, waits_until_it_is_woken) {
  taut::wait_group group;
  chan<int> c(0), other(0);
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  const auto is_woken_by = [&](auto wait, auto wake) {
    const goroutine& g = waits(group, wait);
    wake();
    // Maybe it has not run yet: it waits no more all the same.
    EXPECT_NE(g.seen_state(), goroutine_state::waiting);
    group.wait();
  };
  const auto send = [&] { c.send(1); };
  const auto receive = [&] { c.recv(); };
  is_woken_by([=] { c.recv(); }, send);
  is_woken_by([=] { c.send(1); }, receive);
  is_woken_by([=] { (void)c.recv(taut::background()); }, send);
  is_woken_by([=] { (void)c.send(taut::background(), 1); }, receive);
  is_woken_by([=, ctx = ctx] { (void)c.recv(ctx); }, send);
  is_woken_by([=] { taut::select(taut::recv(c), taut::recv(other)); }, send);
  is_woken_by([=, ctx = ctx] { (void)c.recv(ctx); }, [&cancel = cancel] { cancel(); });
}

RUNTIME_TEST(goroutine, waits_at_a_nil_channel_until_its_context_ends) {
  taut::scope scope;
  std::atomic<goroutine*> who{nullptr};
  scope.go([&] {
    who = taut::rt::current_goroutine();
    chan<int>().recv();
  });
  until([&] { return who != nullptr && who.load()->seen_state() == goroutine_state::waiting; });
  EXPECT_EQ(who.load()->reason(), wait_reason::chan_receive_nil);
  scope.cancel();
  scope.wait();
}

}  // namespace
