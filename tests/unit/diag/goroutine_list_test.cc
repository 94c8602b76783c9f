// SPDX-License-Identifier: Apache-2.0
// taut::diag::snapshot(): each goroutine with its facts.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/diag.h"
#include "taut/io.h"
#include "taut/mutex.h"
#include "taut/select.h"
#include "taut/wait_group.h"

namespace {

using taut::diag::goroutine;
using taut::diag::goroutine_state;
using taut::rt::wait_reason;
using taut::test::until_waiting;

goroutine named(std::string_view name) {
  for (goroutine& g : taut::diag::snapshot()) {
    if (g.name == name) return std::move(g);
  }
  ADD_FAILURE() << "no goroutine " << name;
  return {};
}

RUNTIME_TEST(goroutine_list, tells_who_waits_for_what) {
  taut::chan<int> gate(0), other(0);
  taut::mutex m;
  taut::wait_group all;
  m.lock();
  const int line = std::source_location::current().line();
  taut::go({.name = "receiver"}, [=] { gate.recv(); });  // line + 1
  taut::go({.name = "selector"}, [=] {
    taut::this_goroutine::set_label("tenant", "acme");
    taut::this_goroutine::set_label("job", "7");
    taut::select(taut::send(other, 1), taut::recv(gate));
  });
  all.add(1);
  taut::go({.name = "locker"}, [&] {
    const std::scoped_lock hold(m);  // line + 9
    all.done();
  });
  until_waiting(wait_reason::chan_receive);
  until_waiting(wait_reason::select);
  until_waiting(wait_reason::mutex_lock);

  const goroutine receiver = named("receiver");
  EXPECT_EQ(receiver.state, goroutine_state::waiting);
  EXPECT_EQ(receiver.wait_reason, "chan receive");
  EXPECT_GT(receiver.waited.count(), 0);
  EXPECT_FALSE(receiver.is_thread);
  EXPECT_TRUE(receiver.created.file.ends_with("goroutine_list_test.cc"));
  EXPECT_EQ(receiver.created.line, line + 1);
  EXPECT_EQ(receiver.blocked.line, line + 1);
  ASSERT_EQ(receiver.waits_for.size(), 1u);
  EXPECT_EQ(receiver.waits_for[0].kind, "channel");
  EXPECT_FALSE(receiver.waits_for[0].sends);

  const goroutine selector = named("selector");
  EXPECT_EQ(selector.wait_reason, "select");
  EXPECT_EQ(selector.labels, (decltype(selector.labels){{"job", "7"}, {"tenant", "acme"}}));
  ASSERT_EQ(selector.waits_for.size(), 2u);
  const auto& [a, b] = std::pair(selector.waits_for[0], selector.waits_for[1]);
  EXPECT_NE(a.sends, b.sends);
  EXPECT_EQ((a.sends ? b : a).address, receiver.waits_for[0].address);
  EXPECT_NE(a.address, b.address);

  const goroutine locker = named("locker");
  EXPECT_EQ(locker.wait_reason, "sync.Mutex.Lock");
  EXPECT_TRUE(locker.blocked.file.ends_with("goroutine_list_test.cc")) << locker.blocked.file;
  EXPECT_EQ(locker.blocked.line, line + 9);
  ASSERT_EQ(locker.waits_for.size(), 1u);
  EXPECT_EQ(locker.waits_for[0].kind, "mutex");
  EXPECT_EQ(locker.waits_for[0].address, &m);

  const std::vector<goroutine> every = taut::diag::snapshot();
  EXPECT_EQ(every.size(), 4u);
  EXPECT_TRUE(std::ranges::is_sorted(every, {}, &goroutine::id));
  EXPECT_EQ(std::ranges::count(every, goroutine_state::running, &goroutine::state), 1);
  EXPECT_EQ(std::ranges::count(every, receiver.parent, &goroutine::id), 1);
  m.unlock();
  all.wait();
  gate.close();
}

RUNTIME_TEST(goroutine_list, tells_who_does_not_wait) {
  const std::vector<goroutine> inside = taut::blocking([] { return taut::diag::snapshot(); });
  ASSERT_EQ(inside.size(), 1u);
  EXPECT_EQ(inside[0].state, goroutine_state::blocking);
  EXPECT_EQ(inside[0].wait_reason, "");
  EXPECT_TRUE(inside[0].waits_for.empty());
  EXPECT_EQ(inside[0].blocked.line, 0);
}

// The names of one namespace.
RUNTIME_TEST(goroutine_list, stands_beside_the_dumps) {
  EXPECT_TRUE(taut::diag::stack().starts_with("goroutine "));
  EXPECT_TRUE(taut::diag::find_leaks().leaks.empty());
}

}  // namespace
