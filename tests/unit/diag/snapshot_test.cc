// SPDX-License-Identifier: Apache-2.0
// Stacks of goroutines that do not wait: those that run, sleep in a call, or were woken.
#include "diag/snapshot.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>

#include "chan/chan_core.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/context.h"
#include "taut/diag.h"
#include "taut/go.h"
#include "taut/io.h"
#include "taut/wait_group.h"

namespace {

using taut::test::until;
using taut::test::until_waiting;

// The race detector holds signals back until the thread calls something that blocks.
#if defined(TAUT_TSAN)
constexpr bool signals_come = false;
#else
constexpr bool signals_come = true;
#endif

bool shown(const char* function) {
  return taut::stack(true).find(std::string(function) + "(...)") != std::string::npos;
}

[[gnu::noinline]] void compute(std::atomic<bool>& stop) {
  while (!stop) {
  }
}

RUNTIME_THREAD_TEST(snapshot, shows_where_a_goroutine_computes) {
  if (!signals_come) return;
  std::atomic<bool> stop{false};
  taut::wait_group done;
  done.go([&] { compute(stop); });
  until([] { return shown("compute"); });
  stop = true;
  done.wait();
}

// By its number: the sanitizers' own read() cannot be walked from a sleeping thread's place alone.
[[gnu::noinline]] void read_slowly(int from, int& result) {
  char c = 0;
  result = static_cast<int>(::syscall(SYS_read, from, &c, 1));
  asm volatile("" ::: "memory");
}

// A thread that sleeps is not woken: the call would fail, were it not one that is restarted.
RUNTIME_THREAD_TEST(snapshot, shows_where_a_goroutine_blocks_its_thread) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  int plain = 0, announced = 0;
  taut::wait_group done;
  done.go([&] { read_slowly(ends[0], plain); });
  until([] { return shown("read_slowly"); });
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  done.wait();
  done.go([&] { taut::blocking([&] { read_slowly(ends[0], announced); }); });
  until([] { return shown("read_slowly"); });
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  done.wait();
  EXPECT_EQ(plain + announced, 2);
  ::close(ends[0]);
  ::close(ends[1]);
}

[[gnu::noinline]] void take_one(const taut::chan<int>& from) {
  from.recv();
  asm volatile("" ::: "memory");
}

// A freed block stays mapped: its count of handles says that it is no channel any more, unless
// somebody waited on it to the end.
RUNTIME_TEST(snapshot, tells_a_freed_channel_by_its_handles) {
  taut::chan<int> c(0);
  taut::wait_group done;
  done.go([=] { c.recv(); });
  ASSERT_TRUE(until_waiting(taut::rt::wait_reason::chan_receive));
  taut::detail::chan_core& core = *c.handle().core();
  const auto alive = [&] {
    const taut::rt::snapshot s({.stacks = false});
    const taut::rt::channel_record* seen = s.channel(&core);
    return seen != nullptr && seen->alive;
  };
  EXPECT_TRUE(alive());
  const std::uint64_t handles = core.handles.exchange(0);
  EXPECT_FALSE(alive());
  core.orphan = true;
  EXPECT_TRUE(alive());
  core.orphan = false;
  core.handles = handles;
  c.send(1);
  done.wait();
}

// Who took a waiter out of its queue has not said yet that it claimed the wait.
RUNTIME_TEST(snapshot, does_not_call_waiting_who_is_in_no_queue_any_more) {
  taut::chan<int> c(0);
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  taut::wait_group done;
  done.go([=, ctx = ctx] { (void)c.recv(ctx); });
  ASSERT_TRUE(until_waiting(taut::rt::wait_reason::chan_receive));
  taut::detail::chan_core& core = *c.handle().core();
  const auto waiting_for = [&] {
    const taut::rt::snapshot s({.stacks = false});
    std::size_t n = 0;
    for (const taut::rt::goroutine_record& g : s.goroutines) n += g.waits() && g.object == &core;
    return n;
  };
  EXPECT_EQ(waiting_for(), 1u);
  void* queue = nullptr;
  taut::rt::waiter* w = nullptr;
  {
    const taut::rt::hold h(core.guard);
    w = core.receivers.head();
    queue = std::exchange(w->queue, nullptr);
  }
  EXPECT_EQ(waiting_for(), 0u);
  const taut::rt::snapshot s({.stacks = false});
  for (const taut::rt::goroutine_record& g : s.goroutines)
    EXPECT_FALSE(g.waits() && g.reason == taut::rt::wait_reason::chan_receive);
  {
    const taut::rt::hold h(core.guard);
    w->queue = queue;
  }
  c.send(1);
  done.wait();
}

// Between a look at who waits and one at the channel, the channel may die and its block become
// something else's.
RUNTIME_TEST(snapshot, reads_a_channel_whose_block_is_something_elses) {
  taut::chan<int> c(0);
  taut::wait_group done;
  done.go([=] { c.recv(); });
  ASSERT_TRUE(until_waiting(taut::rt::wait_reason::chan_receive));
  alignas(taut::detail::chan_core) unsigned char other[sizeof(taut::detail::chan_core)];
  std::memset(other, 0x7f, sizeof other);
  taut::detail::chan_core& core = *c.handle().core();
  {
    const taut::rt::hold h(core.guard);
    core.receivers.head()->queue = other + offsetof(taut::detail::chan_core, receivers);
  }
  const taut::rt::snapshot s({.stacks = false});
  c.send(1);
  done.wait();
  const taut::rt::channel_record* seen = s.channel(other);
  ASSERT_NE(seen, nullptr);
  for (const bool* flag : {&seen->alive, &seen->closed, &seen->of_context, &seen->typed,
                           &seen->endless, &seen->spent}) {
    unsigned char byte;
    std::memcpy(&byte, flag, 1);
    EXPECT_LE(byte, 1);
  }
}

RUNTIME_TEST(snapshot, shows_what_was_woken_and_has_not_run) {
  const auto& options = taut::test::current_options();
  if (options.workers != 1 || options.perturb_seed != 0) return;  // it would run at once
  taut::chan<int> jobs(1);
  taut::wait_group done;
  done.go([&] { take_one(jobs); });
  taut::test::until_waiting(taut::rt::wait_reason::chan_receive);
  jobs.send(1);
  const taut::rt::snapshot s({});
  const auto woken = std::ranges::find_if(s.goroutines, [](const auto& g) {
    return !g.is_thread && g.state == taut::rt::goroutine_state::runnable;
  });
  ASSERT_NE(woken, s.goroutines.end());
  EXPECT_GT(woken->frames, 0u);
  EXPECT_FALSE(woken->stable);
  EXPECT_TRUE(shown("take_one"));
  done.wait();
}

}  // namespace
