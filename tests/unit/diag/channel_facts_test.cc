// SPDX-License-Identifier: Apache-2.0
// What a snapshot says of a channel that somebody waits for: who did what last, and where.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <optional>

#include "chan/chan_core.h"
#include "diag/snapshot.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/go.h"
#include "taut/select.h"
#include "taut/wait_group.h"

namespace {

using taut::chan;
using taut::go;
using taut::rt::channel_record;
using taut::rt::wait_reason;
using taut::test::until_waiting;

template <class T>
std::optional<channel_record> facts_of(const chan<T>& c) {
  const taut::rt::snapshot s({.stacks = false});
  for (const channel_record& r : s.channels) {
    if (r.address == c.handle().core()) return r;
  }
  return std::nullopt;
}

// Of 4 bytes and of 8, which go a way of their own, and of 2.
template <class T>
void tells() {
  const std::uint64_t me = taut::this_goroutine::id();
  chan<T> c(1);
  taut::wait_group done;
  std::uint64_t sent_first = 0;
  done.go([&] { sent_first = taut::this_goroutine::id(), c.send(1); });
  done.wait();
  c.recv();
  const std::uint32_t received = __LINE__ - 1;
  c.send(2);
  const std::uint32_t sent = __LINE__ - 1;
  std::atomic<std::uint64_t> waits{0};
  done.go([&] { waits = taut::this_goroutine::id(), c.send(3); });
  const std::uint32_t began_to_wait = __LINE__ - 1;
  until_waiting(wait_reason::chan_send);
  {
    const chan<T> copy = c;
  }

  std::optional<channel_record> r = facts_of(c);
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->maker, me);
  EXPECT_EQ(r->last_receive.goroutine, me);
  EXPECT_EQ(r->last_receive.where->line, received);
  EXPECT_EQ(r->previous_send.goroutine, me);
  EXPECT_EQ(r->previous_send.where->line, sent);
  EXPECT_EQ(r->last_send.goroutine, waits.load());
  EXPECT_EQ(r->last_send.where->line, began_to_wait);
  EXPECT_NE(waits.load(), sent_first);
  // A handle that ends is told, though this one may still receive and send.
  EXPECT_EQ(r->dropped_by, me);
  EXPECT_NE(r->dropped_at, 0u);
  EXPECT_EQ(r->receives, 1u);
  EXPECT_EQ(r->length, 1u);

  // Another one, elsewhere: the same operations by a goroutine that was not there before.
  std::atomic<std::uint64_t> other{0};
  taut::wait_group taken;
  taken.go([&, copy = c] { other = taut::this_goroutine::id(), taut::select(taut::recv(copy)); });
  const std::uint32_t selected = __LINE__ - 1;
  taken.wait();
  done.wait();
  done.go([&] { c.send(4); });
  until_waiting(wait_reason::chan_send);
  r = facts_of(c);
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->last_receive.goroutine, other.load());
  EXPECT_EQ(r->last_receive.where->line, selected);
  EXPECT_EQ(r->dropped_by, other.load());
  c.recv();
  done.wait();
}

RUNTIME_TEST(channel_facts, tell_who_did_what_last_and_where) {
  tells<short>();
  tells<int>();
  tells<long>();
}

}  // namespace
