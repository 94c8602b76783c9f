// SPDX-License-Identifier: Apache-2.0
// The rules CHAN-nn of docs/semantics.md.
#include "taut/chan.h"

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/fixture.h"
#include "taut/select.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

// Counts its living objects.
struct counted {
  explicit counted(int v) noexcept : value(v) { ++living; }
  counted(counted&& other) noexcept : value(other.value) { ++living; }
  counted& operator=(counted&&) = delete;
  ~counted() { --living; }
  int value;
  static inline std::atomic<int> living{0};
};

RUNTIME_TEST(chan, CHAN_01_nil_blocks_for_ever) {
  leave_behind(2);
  go([] { chan<int>().send(1); });
  go([] { chan<int>().recv(); });
  until_waiting(wait_reason::chan_send_nil);
  until_waiting(wait_reason::chan_receive_nil);
  let_others_run();
  EXPECT_EQ(waiting(wait_reason::chan_send_nil), 1u);
  EXPECT_EQ(waiting(wait_reason::chan_receive_nil), 1u);
}

RUNTIME_TEST(chan, CHAN_02_nil_is_never_ready) {
  chan<int> nil;
  EXPECT_FALSE(nil);
  EXPECT_EQ(nil.try_send(1).error(), errc::would_block);
  EXPECT_EQ(nil.try_recv().error(), errc::would_block);
  EXPECT_EQ(nil.len(), 0u);
  EXPECT_EQ(nil.cap(), 0u);
  EXPECT_EQ(panic_of([&] { nil.close(); }), "close of nil channel");
}

RUNTIME_TEST(chan, CHAN_03_closed_drains_then_is_empty_for_ever) {
  chan<int> c(3);
  c.send(1);
  c.send(2);
  c.close();
  EXPECT_EQ(c.recv(), 1);
  EXPECT_EQ(c.recv(), 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(c.recv(), std::nullopt);
    EXPECT_EQ(c.try_recv().error(), errc::closed);
  }
}

RUNTIME_TEST(chan, CHAN_04_send_on_closed_panics) {
  chan<int> c(1);
  c.close();
  EXPECT_EQ(panic_of([&] { c.send(1); }), "send on closed channel");
  EXPECT_EQ(c.try_send(1).error(), errc::closed);
}

RUNTIME_TEST(chan, CHAN_05_a_waiting_sender_panics_at_close) {
  chan<int> c(0);
  chan<std::string> told(2);
  for (int i = 0; i < 2; ++i) go([=] { told.send(panic_of([&] { c.send(1); })); });
  until_waiting(wait_reason::chan_send, 2);
  c.close();
  EXPECT_EQ(told.recv(), "send on closed channel");
  EXPECT_EQ(told.recv(), "send on closed channel");
}

RUNTIME_TEST(chan, CHAN_06_second_close_panics) {
  chan<int> c(0);
  c.close();
  EXPECT_EQ(panic_of([&] { c.close(); }), "close of closed channel");
}

RUNTIME_TEST(chan, CHAN_07_size_out_of_range) {
  EXPECT_EQ(panic_of([] { chan<int> c(~std::size_t{0}); }), "makechan: size out of range");
  EXPECT_EQ(panic_of([] { chan<std::array<char, 4096>> c(std::size_t{1} << 31); }),
            "makechan: size out of range");
  chan<int> c(5);
  EXPECT_EQ(c.cap(), 5u);
  EXPECT_EQ(c.len(), 0u);
  c.send(1);
  EXPECT_EQ(c.cap(), 5u);
  EXPECT_EQ(c.len(), 1u);
}

RUNTIME_TEST(chan, CHAN_08_unbuffered_send_needs_a_receiver) {
  chan<int> c(0);
  std::atomic<bool> sent{false};
  go([&, c] {
    c.send(7);
    sent = true;
  });
  until_waiting(wait_reason::chan_send);
  let_others_run();
  EXPECT_FALSE(sent);
  EXPECT_EQ(c.try_recv().value(), 7);
  until([&] { return sent.load(); });
}

RUNTIME_TEST(chan, CHAN_09_elements_stay_in_order) {
  for (std::size_t capacity : {0, 1, 7, 64}) {
    chan<int> c(capacity);
    go([=] {
      for (int i = 0; i < 500; ++i) c.send(i);
      c.close();
    });
    int expected = 0;
    for (int v : c) EXPECT_EQ(v, expected++);
    EXPECT_EQ(expected, 500);
  }
}

RUNTIME_TEST(chan, CHAN_10_receivers_are_served_in_order_of_arrival) {
  chan<int> c(0);
  chan<std::pair<int, int>> got(8);
  for (int i = 0; i < 8; ++i) {
    go([=] { got.send({i, *c.recv()}); });
    until_waiting(wait_reason::chan_receive, static_cast<std::size_t>(i) + 1);
  }
  for (int i = 0; i < 8; ++i) c.send(i);
  for (int i = 0; i < 8; ++i) {
    auto [who, what] = *got.recv();
    EXPECT_EQ(who, what);
  }
}

RUNTIME_TEST(chan, CHAN_11_senders_are_served_in_order_of_arrival) {
  chan<int> c(2);
  c.send(0);
  c.send(1);
  for (int i = 2; i < 8; ++i) {
    go([=] { c.send(i); });
    until_waiting(wait_reason::chan_send, static_cast<std::size_t>(i) - 1);
  }
  // A receiver takes the head, and the first waiting sender's value goes to the tail.
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(c.try_recv().value(), i);
    EXPECT_EQ(c.len(), std::min<std::size_t>(2, 7 - static_cast<std::size_t>(i)));
  }
}

RUNTIME_TEST(chan, CHAN_12_nobody_overtakes_a_waiting_receiver) {
  chan<int> c(1);
  chan<int> got(1);
  go([=] { got.send(*c.recv()); });
  until_waiting(wait_reason::chan_receive);
  c.send(42);
  // The value was handed over: it never lay in the buffer.
  EXPECT_EQ(c.len(), 0u);
  EXPECT_EQ(c.try_recv().error(), errc::would_block);
  EXPECT_EQ(got.recv(), 42);
}

RUNTIME_TEST(chan, CHAN_13_close_wakes_every_receiver) {
  chan<int> c(0);
  chan<bool> empty(10);
  for (int i = 0; i < 10; ++i) go([=] { empty.send(!c.recv().has_value()); });
  until_waiting(wait_reason::chan_receive, 10);
  c.close();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(empty.recv(), true);
}

// Plain memory: the race detector proves the order.
RUNTIME_TEST(chan, CHAN_14_send_and_close_happen_before_the_receive) {
  for (std::size_t capacity : {0, 4}) {
    chan<unit> c(capacity);
    int plain = 0;
    go([&, c] {
      for (int i = 1; i <= 50; ++i) {
        plain = i;
        c.send({});
        c.send({});  // the value stays as it is until this one was taken, at capacity 0
        if (c.cap() != 0) break;
      }
      c.close();
    });
    int seen = 0;
    while (c.recv()) {
      EXPECT_GT(plain, seen);
      seen = plain;
      if (!c.recv()) break;
    }
    EXPECT_EQ(seen, capacity == 0 ? 50 : 1);
  }
  int plain = 0;
  chan<unit> closing(0);
  go([&, closing] {
    plain = 3;
    closing.close();
  });
  EXPECT_FALSE(closing.recv());
  EXPECT_EQ(plain, 3);
}

RUNTIME_TEST(chan, CHAN_15_a_receive_happens_before_the_send_that_needs_its_room) {
  chan<unit> room(1);  // a lock: full is held
  chan<unit> done(0);
  int plain = 0;
  for (int i = 0; i < 4; ++i) {
    go([&, room, done] {
      for (int k = 0; k < 100; ++k) {
        room.send({});
        ++plain;
        room.recv();
      }
      done.send({});
    });
  }
  for (int i = 0; i < 4; ++i) done.recv();
  EXPECT_EQ(plain, 400);
}

RUNTIME_TEST(chan, CHAN_16_range_ends_when_closed_and_drained) {
  chan<int> c(4);
  for (int i = 1; i <= 4; ++i) c.send(i);
  c.close();
  int sum = 0;
  for (int v : c) sum += v;
  EXPECT_EQ(sum, 10);
  for ([[maybe_unused]] int v : c) ADD_FAILURE();
}

RUNTIME_TEST(chan, CHAN_17_handles_share_one_channel) {
  chan<int> a(1);
  chan<int> b = a;
  EXPECT_TRUE(a == b);
  a.send(1);
  EXPECT_EQ(b.recv(), 1);
  chan<int> moved = std::move(a);
  EXPECT_TRUE(moved == b);
  EXPECT_FALSE(
      a);  // NOLINT(bugprone-use-after-move): a moved-from handle is nil, and the rule says so
  b.reset();
  EXPECT_FALSE(b);
  EXPECT_TRUE(moved);
  moved = chan<int>(2);
  EXPECT_EQ(moved.cap(), 2u);
  send_chan<int> out = moved;
  recv_chan<int> in = moved;
  out.send(5);
  EXPECT_EQ(in.recv(), 5);
}

RUNTIME_TEST(chan, CHAN_18_typed_ends_close_when_the_last_sender_dies) {
  auto [out, in] = make_chan<int>(4);
  go([first = out] { first.send(1); });
  go([second = std::move(out)] { second.send(2); });
  int sum = 0;
  for (int v : in) sum += v;
  EXPECT_EQ(sum, 3);
}

RUNTIME_TEST(chan, CHAN_19_typed_ends_may_be_closed_by_hand) {
  auto [out, in] = make_chan<int>(0);
  out.close();
  EXPECT_EQ(in.recv(), std::nullopt);
  out.reset();
  EXPECT_EQ(in.recv(), std::nullopt);
}

RUNTIME_TEST(chan, CHAN_20_elements_may_be_move_only) {
  for (std::size_t capacity : {0, 2}) {
    chan<std::unique_ptr<std::string>> c(capacity);
    go([=] {
      for (int i = 0; i < 20; ++i)
        c.send(std::make_unique<std::string>(40, static_cast<char>('a' + i)));
      c.close();
    });
    int n = 0;
    for (auto& p : c) EXPECT_EQ(*p, std::string(40, static_cast<char>('a' + n++)));
    EXPECT_EQ(n, 20);
  }
}

RUNTIME_TEST(chan, CHAN_21_elements_of_every_size_and_alignment) {
  struct alignas(128) wide {
    int v;
  };
  struct big {
    std::array<int, 1000> v;
  };
  struct three {
    char v[3];
  };
  for (std::size_t capacity : {0, 3}) {
    chan<wide> wides(capacity);
    chan<big> bigs(capacity);
    chan<three> threes(capacity);
    chan<unit> units(capacity);
    go([=] {
      for (int i = 0; i < 10; ++i) {
        wides.send(wide{i});
        big b{};
        b.v.fill(i);
        bigs.send(b);
        threes.send(three{{static_cast<char>(i), 2, 3}});
        units.send({});
      }
    });
    for (int i = 0; i < 10; ++i) {
      auto w = wides.recv();
      EXPECT_EQ(w->v, i);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*w) % 128, 0u);
      auto b = bigs.recv();
      EXPECT_EQ(b->v.front(), i);
      EXPECT_EQ(b->v.back(), i);
      EXPECT_EQ(threes.recv()->v[0], i);
      EXPECT_EQ(units.recv(), unit{});
    }
  }
}

// Those of 4 and 8 bytes go a way of their own, while the channel is open.
template <class T>
void goes_round() {
  chan<T> c(3);
  for (int i = 0; i < 20; ++i) {
    c.send(T(i));
    c.send(T(-i));
    if (i % 2 == 0) {
      EXPECT_EQ(c.recv(), T(i));
      EXPECT_EQ(c.recv(), T(-i));
    } else {
      std::optional<T> got;
      select(recv(c, [&](std::optional<T> v) { got = v; }));
      EXPECT_EQ(got, T(i));
      EXPECT_EQ(select(recv(chan<T>()), recv(c)), 1u);
    }
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(select(send(c, T(i)), otherwise()), 0u);
  EXPECT_EQ(select(send(c, T(3)), otherwise()), 1u);
  c.close();
  EXPECT_THROW(c.send(T(4)), panic);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(c.recv(), T(i));
  EXPECT_EQ(c.recv(), std::nullopt);
}

RUNTIME_TEST(chan, CHAN_21_small_elements_go_round_the_ring) {
  goes_round<signed char>();
  goes_round<short>();
  goes_round<int>();
  goes_round<float>();
  goes_round<long>();
  goes_round<double>();
  goes_round<long double>();
}

RUNTIME_TEST(chan, CHAN_22_every_element_is_destroyed_once_and_promptly) {
  ASSERT_EQ(counted::living, 0);
  {
    chan<counted> c(4);
    for (int i = 0; i < 4; ++i) c.send(counted(i));
    EXPECT_EQ(counted::living, 4);
    EXPECT_EQ(c.recv()->value, 0);
    EXPECT_EQ(counted::living, 3);  // the slot was emptied at once
    go([=] { panic_of([&] { c.send(counted(8)); }); });
    go([=] { panic_of([&] { c.send(counted(9)); }); });
    until_waiting(wait_reason::chan_send);
    c.close();
    until([] { return waiting(wait_reason::chan_send) == 0; });
  }
  until([] { return num_goroutine() == 1; });
  // What lay in the buffer died with the channel.
  EXPECT_EQ(counted::living, 0);
}

RUNTIME_TEST(chan, CHAN_23_a_deadline_ends_a_wait_with_an_error) {
  chan<int> c(1);
  const auto past = std::chrono::steady_clock::now() - 1s;
  EXPECT_EQ(c.recv_until(past).error(), errc::deadline_exceeded);
  EXPECT_EQ(c.recv_until(std::chrono::steady_clock::now() + 1ms).error(), errc::deadline_exceeded);
  EXPECT_TRUE(c.send_until(past, 1));  // possible at once: the deadline does not matter
  EXPECT_EQ(c.send_until(std::chrono::steady_clock::now() + 1ms, 2).error(),
            errc::deadline_exceeded);
  EXPECT_EQ(c.len(), 1u);
  EXPECT_EQ(c.recv_until(past).value(), 1);
  go([=] { c.send(3); });
  EXPECT_EQ(c.recv_until(std::chrono::steady_clock::now() + 1h).value(), 3);
  chan<int> nil;
  EXPECT_EQ(nil.recv_until(std::chrono::steady_clock::now() + 1ms).error(),
            errc::deadline_exceeded);
  EXPECT_EQ(nil.send_until(past, 1).error(), errc::deadline_exceeded);
  c.close();
  EXPECT_EQ(c.recv_until(past).error(), errc::closed);
  EXPECT_EQ(panic_of([&] { (void)c.send_until(past, 1); }), "send on closed channel");
}

// A thread that the runtime did not make waits and is woken as a goroutine is.
RUNTIME_THREAD_TEST(chan, CHAN_24_threads_may_use_channels) {
  chan<int> there(0), back(0);
  go([=] {
    for (int v : there) back.send(v * 2);
    back.close();
  });
  std::thread other([=] {
    for (int i = 0; i < 100; ++i) there.send(i);
    there.close();
  });
  int n = 0;
  for (int v : back) EXPECT_EQ(v, 2 * n++);
  EXPECT_EQ(n, 100);
  other.join();
}

RUNTIME_TEST(chan, CHAN_25_close_is_seen_by_a_waiting_deadline_form) {
  chan<int> c(0);
  chan<std::error_code> told(1);
  go([=] { told.send(c.recv_until(std::chrono::steady_clock::now() + 1h).error()); });
  until_waiting(wait_reason::chan_receive);
  c.close();
  EXPECT_EQ(*told.recv(), errc::closed);
}

}  // namespace
}  // namespace taut::test
