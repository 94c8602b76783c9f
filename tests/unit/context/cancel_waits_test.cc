// SPDX-License-Identifier: Apache-2.0
// Every kind of wait, ended by the goroutine's bound context and by an explicit one: before it
// begins, while it lasts, and in a race with its completion, after which nothing may be lost or
// done twice.
#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <span>
#include <system_error>
#include <utility>

#include "support/fixture.h"
#include "taut/condition.h"
#include "taut/context.h"
#include "taut/io.h"
#include "taut/mutex.h"
#include "taut/select.h"
#include "taut/semaphore.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

// What one wait needs; nothing of it ever becomes ready by itself.
struct fixture {
  chan<int> empty{0}, full{1}, other{0};
  wait_group never;
  mutex m;
  condition changed;
  semaphore taken{1};
  pipe_ends pipe = make_pipe().value();

  fixture() {
    full.send(0);
    never.add(1);
    taken.acquire();
  }
  ~fixture() {
    never.done();
    taken.release();
  }
};

struct bound_wait {
  const char* name;
  wait_reason reason;
  void (*begin)(fixture&);
};
const bound_wait bound_waits[] = {
    {"recv", wait_reason::chan_receive, [](fixture& f) { f.empty.recv(); }},
    {"send", wait_reason::chan_send, [](fixture& f) { f.full.send(1); }},
    {"nil channel", wait_reason::chan_receive_nil, [](fixture&) { chan<int>().recv(); }},
    {"select", wait_reason::select,
     [](fixture& f) { select(recv(f.empty), send(f.full, 1), recv(f.other)); }},
    {"select timeout", wait_reason::select, [](fixture& f) { select(recv(f.empty), timeout(1h)); }},
    {"wait_group", wait_reason::wait_group_wait, [](fixture& f) { f.never.wait(); }},
    {"condition", wait_reason::cond_wait,
     [](fixture& f) {
       std::unique_lock hold(f.m);
       f.changed.wait(hold);
     }},
    {"semaphore", wait_reason::semacquire, [](fixture& f) { f.taken.acquire(); }},
    {"sleep", wait_reason::sleep, [](fixture&) { sleep_for(1h); }},
    {"pipe", wait_reason::io_wait,
     [](fixture& f) {
       char c;
       static_cast<void>(f.pipe.reader.read_some(std::span(&c, 1)));
     }},
};

struct explicit_wait {
  const char* name;
  wait_reason reason;
  std::error_code (*begin)(fixture&, const context&);
};
const explicit_wait explicit_waits[] = {
    {"recv", wait_reason::chan_receive,
     [](fixture& f, const context& c) { return f.empty.recv(c).error(); }},
    {"send", wait_reason::chan_send,
     [](fixture& f, const context& c) { return f.full.send(c, 1).error(); }},
    {"select", wait_reason::select,
     [](fixture& f, const context& c) {
       const auto done = c.done();
       return select(recv(f.empty), recv(done, [](auto) {})) == 1 ? c.err() : std::error_code();
     }},
    {"wait_group", wait_reason::wait_group_wait,
     [](fixture& f, const context& c) { return f.never.wait(c).error(); }},
    {"condition", wait_reason::cond_wait,
     [](fixture& f, const context& c) {
       std::unique_lock hold(f.m);
       return f.changed.wait(c, hold).error();
     }},
    {"semaphore", wait_reason::semacquire,
     [](fixture& f, const context& c) { return f.taken.acquire(c).error(); }},
    {"sleep", wait_reason::sleep,
     [](fixture&, const context& c) { return sleep_for(c, 1h).error(); }},
    {"pipe", wait_reason::io_wait,
     [](fixture& f, const context& c) {
       char b;
       return f.pipe.reader.read_some(c, std::span(&b, 1)).error();
     }},
    {"context", wait_reason::context_done, [](fixture&, const context& c) { return c.wait(); }},
};

// Counts the goroutines that ended by canceled, or went on.
struct outcome {
  std::atomic<int> canceled{0}, went_on{0}, ended{0};
};

void go_bound(const context& ctx, outcome& o, std::function<void()> f) {
  go(ctx, [&o, f = std::move(f)] {
    struct at_end {
      outcome& o;
      ~at_end() { ++o.ended; }
    } end{o};
    try {
      f();
      ++o.went_on;
    } catch (const taut::canceled&) {
      ++o.canceled;
      throw;
    }
  });
}

RUNTIME_TEST(cancel_waits, the_bound_context_ends_each_while_it_lasts) {
  for (const bound_wait& w : bound_waits) {
    fixture f;
    outcome o;
    auto [ctx, cancel] = with_cancel(background());
    go_bound(ctx, o, [&] { w.begin(f); });
    until_waiting(w.reason);
    EXPECT_EQ(o.ended, 0) << w.name;
    cancel();
    until([&] { return o.ended == 1; });
    EXPECT_EQ(o.canceled, 1) << w.name;
    EXPECT_EQ(o.went_on, 0) << w.name;
    EXPECT_TRUE(f.m.try_lock()) << w.name;  // unwinding let go of it
    f.m.unlock();
  }
}

RUNTIME_TEST(cancel_waits, the_bound_context_ends_each_before_it_begins) {
  for (const bound_wait& w : bound_waits) {
    fixture f;
    outcome o;
    auto [ctx, cancel] = with_cancel(background());
    cancel();
    go_bound(ctx, o, [&] { w.begin(f); });
    until([&] { return o.ended == 1; });
    EXPECT_EQ(o.canceled, 1) << w.name;
  }
}

RUNTIME_TEST(cancel_waits, a_shield_holds_the_bound_context_off) {
  fixture f;
  outcome o;
  auto [ctx, cancel] = with_cancel(background());
  std::atomic<int> through{0};
  go_bound(ctx, o, [&] {
    {
      shield protect;
      EXPECT_EQ(f.empty.recv(), 5);
      sleep_for(1us);
      ++through;
    }
    f.empty.recv();
  });
  until_waiting(wait_reason::chan_receive);
  cancel();
  let_others_run();
  EXPECT_EQ(o.ended, 0);
  f.empty.send(5);
  until([&] { return o.ended == 1; });
  EXPECT_EQ(through, 1);
  EXPECT_EQ(o.canceled, 1);
}

RUNTIME_TEST(cancel_waits, an_explicit_context_ends_each_while_it_lasts) {
  for (const explicit_wait& w : explicit_waits) {
    for (bool by_deadline : {false, true}) {
      fixture f;
      std::error_code why;
      wait_group done;
      auto made = by_deadline ? with_timeout(background(), 1ms) : with_cancel(background());
      done.go([&, ctx = made.ctx] { why = w.begin(f, ctx); });
      if (!by_deadline) {
        until_waiting(w.reason);
        EXPECT_FALSE(why) << w.name;
        made.cancel();
      }
      done.wait();
      EXPECT_EQ(why, by_deadline ? errc::deadline_exceeded : errc::canceled) << w.name;
    }
  }
}

RUNTIME_TEST(cancel_waits, an_explicit_context_ends_each_before_it_begins) {
  auto [ctx, cancel] = with_cancel(background());
  cancel();
  for (const explicit_wait& w : explicit_waits) {
    fixture f;
    EXPECT_EQ(w.begin(f, ctx), errc::canceled) << w.name;
  }
}

// Who gives a context to a wait says what ends it: the bound context does not, and the next wait
// meets its end.
RUNTIME_TEST(cancel_waits, the_bound_context_ends_a_wait_with_a_given_one_too) {
  auto [mine, cancel_mine] = with_cancel(background());
  auto [given, cancel_given] = with_cancel(background());
  fixture f;
  outcome o;
  std::atomic<bool> answered{false};
  go_bound(mine, o, [&, g = given] {
    EXPECT_EQ(f.empty.recv(g).error(), errc::canceled);
    answered = true;
    f.empty.recv();
  });
  until_waiting(wait_reason::chan_receive);
  cancel_mine();
  until([&] { return o.ended == 1; });
  EXPECT_TRUE(answered);
  EXPECT_EQ(o.canceled, 1);
}

constexpr int races = 60;

// One side completes the waits of n goroutines while the other cancels them.
struct race {
  outcome o;
  cancelable made = with_cancel(background());
  void run(int n, const std::function<void()>& wait, const std::function<void()>& complete) {
    for (int i = 0; i < n; ++i) go_bound(made.ctx, o, wait);
    wait_group done;
    done.go(complete);
    done.go([this] { made.cancel(); });
    until([&] { return o.ended == n; });
    done.wait();
  }
};

RUNTIME_TEST(cancel_waits, a_race_with_a_send_loses_no_value) {
  for (int round = 0; round < races; ++round) {
    race r;
    chan<int> c(round % 2);
    std::atomic<int> sent{0}, received{0};
    r.run(
        3,
        [&] {
          c.recv();
          ++received;
        },
        [&] {
          for (int i = 0; i < 3; ++i) sent += c.try_send(1).has_value();
        });
    while (c.try_recv()) ++received;
    EXPECT_EQ(sent, received);
    EXPECT_EQ(r.o.canceled + r.o.went_on, 3);
  }
}

RUNTIME_TEST(cancel_waits, a_race_with_a_receive_takes_no_value_twice) {
  for (int round = 0; round < races; ++round) {
    race r;
    chan<int> c(0), d(0);
    std::atomic<int> sent{0}, received{0};
    r.run(
        3,
        [&] {
          select(send(c, 1), send(d, 1));
          ++sent;
        },
        [&] {
          for (int i = 0; i < 2; ++i)
            received += c.try_recv().has_value() + d.try_recv().has_value();
        });
    EXPECT_EQ(sent, received);
  }
}

RUNTIME_TEST(cancel_waits, a_race_with_a_release_loses_no_unit) {
  for (int round = 0; round < races; ++round) {
    race r;
    semaphore s(2);
    s.acquire(2);
    r.run(
        4,
        [&] {
          s.acquire();
          s.release();
        },
        [&] {
          s.release();
          s.release();
        });
    EXPECT_TRUE(s.try_acquire(2));
    s.release(2);
  }
}

// A large request that is cancelled lets those behind it go on.
RUNTIME_TEST(cancel_waits, a_cancelled_large_request_does_not_hold_back_small_ones) {
  semaphore s(2);
  s.acquire();
  outcome o;
  auto [ctx, cancel] = with_cancel(background());
  go_bound(ctx, o, [&] { s.acquire(2); });
  until_waiting(wait_reason::semacquire);
  wait_group small;
  small.go([&] { s.acquire(); });
  until_waiting(wait_reason::semacquire, 2);
  cancel();
  small.wait();
  EXPECT_EQ(o.went_on, 0);
  s.release(2);
}

RUNTIME_TEST(cancel_waits, a_race_with_done_ends_each_waiter_once) {
  for (int round = 0; round < races; ++round) {
    race r;
    wait_group g;
    g.add(1);
    r.run(3, [&] { g.wait(); }, [&] { g.done(); });
    EXPECT_EQ(r.o.canceled + r.o.went_on, 3);
    g.wait();
  }
}

// A signal goes to a waiter that is still there: one that is cancelled does not swallow it.
RUNTIME_TEST(cancel_waits, a_race_with_a_signal_loses_no_signal) {
  for (int round = 0; round < races; ++round) {
    mutex m;
    condition changed;
    outcome victim, survivor;
    auto [ctx, cancel] = with_cancel(background());
    auto wait = [&] {
      std::unique_lock hold(m);
      changed.wait(hold);
    };
    go_bound(ctx, victim, wait);
    until_waiting(wait_reason::cond_wait, 1);
    go_bound(background(), survivor, wait);
    until_waiting(wait_reason::cond_wait, 2);
    wait_group done;
    done.go([&] {
      std::scoped_lock hold(m);
      changed.signal();
    });
    done.go([&, &c = cancel] { c(); });
    done.wait();
    until([&] { return victim.ended == 1; });
    // Either the victim took the signal, and the survivor still waits, or the survivor got it.
    if (victim.went_on == 1) changed.signal();
    until([&] { return survivor.ended == 1; });
    EXPECT_EQ(survivor.went_on, 1);
  }
}

RUNTIME_TEST(cancel_waits, a_race_with_bytes_loses_none) {
  for (int round = 0; round < races; ++round) {
    race r;
    pipe_ends p = make_pipe().value();
    std::atomic<int> read{0};
    r.run(
        1,
        [&] {
          char c;
          if (p.reader.read_some(std::span(&c, 1))) ++read;
        },
        [&] { EXPECT_TRUE(p.writer.write_all("x")); });
    p.writer = fd_stream();
    std::array<char, 4> rest;
    const auto n = p.reader.read_some(std::span<char>(rest));
    EXPECT_EQ(read + static_cast<int>(n ? *n : 0), 1);
  }
}

RUNTIME_TEST(cancel_waits, a_race_with_the_end_of_a_sleep) {
  for (int round = 0; round < races; ++round) {
    outcome o;
    auto [ctx, cancel] = with_cancel(background());
    for (int i = 0; i < 4; ++i)
      go_bound(ctx, o, [i] { sleep_for(std::chrono::microseconds(i * 10)); });
    yield();
    cancel();
    until([&] { return o.ended == 4; });
    EXPECT_EQ(o.canceled + o.went_on, 4);
  }
}

}  // namespace
}  // namespace taut::test
