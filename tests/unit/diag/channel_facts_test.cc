// SPDX-License-Identifier: Apache-2.0
// What a snapshot says of a channel that somebody waits for: who did what last, and where.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <thread>

#include "chan/chan_core.h"
#include "diag/snapshot.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/context.h"
#include "taut/go.h"
#include "taut/select.h"
#include "taut/wait_group.h"

namespace {

using taut::chan;
using taut::go;
using taut::rt::channel_record;
using taut::rt::wait_reason;
using taut::test::until;
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
  // Where a handle ends is told, though this one may still receive and send.
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
  c.recv();
  done.wait();
}

// Who sends and receives again is known by one comparison. Nobody else is taken for it, and it is
// not taken for who it was elsewhere.
void keeps_up() {
  const std::uint64_t me = taut::this_goroutine::id();
  chan<long> c(8);
  taut::detail::chan_core& core = *c.handle().core();
  const auto signer = [&](const std::atomic<std::uint64_t>& signature,
                          const std::atomic<taut::detail::site>& where) {
    return taut::detail::owner_of(
        taut::rt::signer_of(signature.load() & ~core.looks, where.load()));
  };
  const auto last_send = [&] { return signer(core.sender, core.sent_at); };
  const auto last_receive = [&] { return signer(core.receiver, core.received_at); };
  const auto looks = [&](const std::atomic<std::uint64_t>& who) {
    const taut::rt::hold h(core.guard);
    return (who.load() & core.looks) != 0;
  };
  const auto holds = [&] {
    const bool sender_looks = looks(core.sender), receiver_looks = looks(core.receiver);
    const taut::rt::hold h(core.guard);
    return (sender_looks || core.receivers.empty()) && (receiver_looks || core.senders.empty());
  };
  for (int i = 0; i < 3; ++i) {
    c.send(1);
    EXPECT_EQ(core.sent_at.load()->line, __LINE__ - 1u);
    c.send(2);
    EXPECT_EQ(core.sent_at.load()->line, __LINE__ - 1u);
    EXPECT_EQ(last_send(), me);
    EXPECT_FALSE(looks(core.sender));  // as its next one needs
    EXPECT_TRUE(holds());
    std::uint64_t other = 0;
    taut::wait_group done;
    done.go([&] { other = taut::this_goroutine::id(), c.send(3); });
    done.wait();
    EXPECT_EQ(last_send(), other);
    EXPECT_TRUE(holds());
    EXPECT_EQ(c.recv(), 1);
    EXPECT_EQ(core.received_at.load()->line, __LINE__ - 1u);
    done.go([&] {
      other = taut::this_goroutine::id();
      EXPECT_EQ(c.recv(), 2);
    });
    done.wait();
    EXPECT_EQ(last_receive(), other);
    EXPECT_TRUE(holds());
    EXPECT_EQ(c.recv(), 3);
    EXPECT_EQ(last_receive(), me);
    EXPECT_EQ(core.received_at.load()->line, __LINE__ - 2u);
    // Empty: a receiver waits, and is handed what comes, though who sends did so before.
    done.go([&] {
      other = taut::this_goroutine::id();
      EXPECT_EQ(c.recv(), 4);
    });
    until_waiting(wait_reason::chan_receive);
    EXPECT_TRUE(looks(core.sender));
    EXPECT_EQ(last_receive(), other);
    c.send(4);
    done.wait();
    EXPECT_EQ(c.len(), 0u);
    EXPECT_EQ(last_send(), me);
    EXPECT_TRUE(holds());
    // Full: a sender waits, and comes after those that are buffered.
    for (int n = 0; n < 8; ++n) c.send(n);
    done.go([&] { c.send(8); });
    until_waiting(wait_reason::chan_send);
    EXPECT_TRUE(looks(core.receiver));
    for (int n = 0; n <= 8; ++n) EXPECT_EQ(c.recv(), n);
    done.wait();
    EXPECT_TRUE(holds());
  }
}

RUNTIME_TEST(channel_facts, keep_up_with_who_goes_on) { keeps_up(); }

// A thread has no number to be known by: who waits is looked for each time.
RUNTIME_TEST(channel_facts, a_thread_hands_over_to_who_waits) {
  constexpr int times = 4;
  chan<long> c(8);
  taut::wait_group done;
  done.go([&] {
    for (long i = 0; i < times; ++i) EXPECT_EQ(c.recv(), i);
  });
  std::atomic<bool> ended{false};
  std::thread thread([&] {
    for (long i = 0; i < times; ++i) {
      until_waiting(wait_reason::chan_receive);
      taut::select(taut::send(c, i));
      EXPECT_EQ(c.len(), 0u) << i;
    }
    ended = true;
  });
  until([&] { return ended.load(); });
  thread.join();
  done.wait();
}

// Many goroutines at a few places: no two have one signature, and each gives its signer again.
TEST(channel_facts, signatures_are_of_one_goroutine_at_one_place) {
  const taut::detail::site places[] = {taut::detail::site::here(), taut::detail::site::here(),
                                       taut::detail::site::here()};
  std::set<std::uint64_t> seen;
  std::size_t made = 0;
  const auto sign = [&](std::uint64_t id) {
    for (const taut::detail::site& place : places) {
      const std::uint64_t state = taut::detail::state_of(id);
      const std::uint64_t signature = taut::rt::signature_of(state, place);
      EXPECT_EQ(taut::rt::signer_of(signature, place), state);
      EXPECT_FALSE(taut::rt::must_look_closer(signature));
      EXPECT_TRUE(taut::rt::must_look_closer(taut::rt::signature_of(taut::rt::look_closer, place)));
      seen.insert(signature);
      ++made;
    }
  };
  for (std::uint64_t id = 1; id <= 100'000; ++id) sign(id);
  for (int bit = 17; bit < 52; ++bit) sign(std::uint64_t{1} << bit);
  sign(0);  // a thread's stand-in
  EXPECT_EQ(seen.size(), made);
}

// A signature and its place are written one after the other. What does not fit is not told.
void tells_what_fits() {
  chan<int> c(1);
  taut::wait_group done;
  c.send(1);
  const std::uint32_t sent = __LINE__ - 1;
  done.go([&] { c.send(2); });
  until_waiting(wait_reason::chan_send);
  taut::detail::chan_core& core = *c.handle().core();
  const taut::detail::site at = core.sent_at.load();
  core.sent_at.store(core.previously_sent_at.load());
  std::optional<channel_record> r = facts_of(c);
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->last_send.goroutine, 0u);
  EXPECT_FALSE(r->last_send.where);
  EXPECT_EQ(r->previous_send.goroutine, taut::this_goroutine::id());
  EXPECT_EQ(r->previous_send.where->line, sent);
  core.sent_at.store(at);
  r = facts_of(c);
  ASSERT_TRUE(r.has_value());
  EXPECT_NE(r->last_send.goroutine, 0u);
  EXPECT_TRUE(r->last_send.where == at);
  c.recv();
  c.recv();
  done.wait();
}

RUNTIME_TEST(channel_facts, tell_nothing_that_does_not_fit) { tells_what_fits(); }

// Who sent before one that waits: itself, at the same place or another, and who sent without
// waiting after others had waited.
void tells_who_was_before() {
  const std::uint64_t me = taut::this_goroutine::id();
  chan<int> c(1);
  taut::wait_group done;
  std::atomic<std::uint64_t> other{0};
  const auto expect_before = [&](std::uint64_t by, std::uint32_t line) {
    until_waiting(wait_reason::chan_send);
    const std::optional<channel_record> r = facts_of(c);
    ASSERT_TRUE(r.has_value());
    EXPECT_EQ(r->last_send.goroutine, other.load());
    EXPECT_EQ(r->previous_send.goroutine, by);
    EXPECT_EQ(r->previous_send.where->line, line);
  };
  c.send(1);
  const std::uint32_t first = __LINE__ - 1;
  done.go([&] {
    other = taut::this_goroutine::id();
    for (int i = 0; i < 2; ++i) c.send(2);
    c.send(3);
  });
  const std::uint32_t again = __LINE__ - 3;
  expect_before(me, first);
  c.recv();
  expect_before(other, again);
  c.recv();
  expect_before(other, again);
  c.recv();
  c.recv();
  done.wait();

  c.send(4);
  const std::uint32_t between = __LINE__ - 1;
  done.go([&] { other = taut::this_goroutine::id(), c.send(5); });
  expect_before(me, between);
  c.recv();
  c.recv();
  done.wait();
}

RUNTIME_TEST(channel_facts, tell_who_was_before) { tells_who_was_before(); }

// Whether a sender that gave up was the last thing that senders did: with a full buffer, by a
// select, and with room, of one whose context had ended already.
void tells_when_a_sender_left() {
  chan<int> c(2), other(0);
  taut::wait_group leaves, receives;
  c.send(1);
  c.send(2);
  leaves.go([&] { taut::select(taut::send(c, 3), taut::recv(other)); });
  const std::uint32_t left = __LINE__ - 1;
  until_waiting(wait_reason::select);
  other.send(0);
  leaves.wait();
  receives.go([&] {
    while (c.recv().value_or(0) != 0) continue;
  });
  until_waiting(wait_reason::chan_receive);
  std::optional<channel_record> r = facts_of(c);
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->sends, 2u);
  EXPECT_EQ(r->sender_left.after, r->sends);
  EXPECT_EQ(r->sender_left.by.where->line, left);

  c.send(4);
  until_waiting(wait_reason::chan_receive);
  r = facts_of(c);
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->sends, 3u);
  EXPECT_EQ(r->sender_left.after, 2u);

  auto [ctx, cancel] = taut::with_cancel(taut::background());
  cancel();
  EXPECT_FALSE(c.send(ctx, 5).has_value());
  r = facts_of(c);
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->sends, 3u);
  EXPECT_EQ(r->sender_left.after, r->sends);
  c.send(0);
  receives.wait();
}

RUNTIME_TEST(channel_facts, tell_when_a_sender_left) { tells_when_a_sender_left(); }

RUNTIME_TEST(channel_facts, tell_who_did_what_last_and_where) {
  tells<short>();
  tells<int>();
  tells<long>();
}

}  // namespace
