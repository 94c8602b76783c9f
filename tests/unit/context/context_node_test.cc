// SPDX-License-Identifier: Apache-2.0
// Races and lifetimes of context nodes.
#include "context/context_node.h"

#include <atomic>
#include <thread>
#include <vector>

#include "base/slab.h"
#include "support/fixture.h"
#include "taut/interop/stop_token.h"
#include "taut/scope.h"
#include "taut/select.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(TAUT_TSAN)
constexpr int many = 50'000;
#else
constexpr int many = 1'000'000;
#endif

// A node's block comes back at once: a million children of one parent use the same few.
TEST(context_node, short_lived_children_do_not_grow_memory) {
  auto [parent, cancel] = with_cancel(background());
  std::vector<void*> seen;
  for (int i = 0; i < many; ++i) {
    auto [child, cancel_child] = with_cancel(parent);
    if (i % 1000 != 0) continue;
    void* block = child.node();
    bool known = false;
    for (void* s : seen) known = known || s == block;
    if (!known) seen.push_back(block);
  }
  EXPECT_LE(seen.size(), 4u);
  EXPECT_EQ(static_cast<rt::canceler_node*>(parent.node())->first_child, nullptr);
}

// The chain is ended and freed by loops: no recursion that a goroutine's stack would not hold.
RUNTIME_TEST(context_node, a_long_chain_ends_and_dies) {
  auto root = with_cancel(background());
  context last = root.ctx;
  for (int i = 0; i < 20'000; ++i) {
    auto child = with_cancel(last);
    child.cancel.release();
    last = child.ctx;
  }
  root.cancel();
  EXPECT_EQ(last.err(), errc::canceled);
}

RUNTIME_TEST(context_node, cancel_races_with_the_beginning_of_a_wait) {
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> unwound{0};
    auto made = with_cancel(background());
    chan<int> c(0);
    for (int i = 0; i < 4; ++i) {
      go(made.ctx, [&unwound, c, i] {
        struct at_end {
          std::atomic<int>* n;
          ~at_end() { ++*n; }
        } e{&unwound};
        if (i % 2 == 0) {
          c.recv();
        } else {
          select(recv(c), timeout(1h));
        }
      });
    }
    if (round % 3 != 0) yield();
    made.cancel();
    until([&] { return unwound == 4; });
  }
}

RUNTIME_TEST(context_node, an_explicit_wait_races_with_cancel_and_value) {
  for (int round = 0; round < 100; ++round) {
    auto made = with_cancel(background());
    chan<int> c(0);
    wait_group all;
    std::atomic<int> got{0}, gave_up{0}, sent{0};
    for (int i = 0; i < 2; ++i) {
      all.go([&, ctx = made.ctx] {
        if (c.recv(ctx)) {
          ++got;
        } else {
          ++gave_up;
        }
      });
      all.go([&, ctx = made.ctx] {
        if (c.send(ctx, 1)) ++sent;
      });
    }
    yield();
    made.cancel();
    all.wait();
    EXPECT_EQ(got, sent);
    EXPECT_EQ(got + gave_up, 2);
  }
}

RUNTIME_TEST(context_node, deadline_storm) {
  std::vector<cancelable> all;
  for (int i = 0; i < 500; ++i)
    all.push_back(with_timeout(background(), std::chrono::microseconds(i % 50)));
  wait_group waiting;
  for (std::size_t i = 0; i < all.size(); i += 2) {
    waiting.go([ctx = all[i].ctx] { EXPECT_EQ(ctx.wait(), errc::deadline_exceeded); });
  }
  // The others are cancelled while their timers fire.
  for (std::size_t i = 1; i < all.size(); i += 2) {
    all[i].cancel();
    EXPECT_TRUE(all[i].ctx.err());
  }
  waiting.wait();
}

RUNTIME_TEST(context_node, parents_and_children_end_at_once_from_everywhere) {
  for (int round = 0; round < 30; ++round) {
    auto root = with_cancel(background());
    std::vector<cancelable> tree;
    for (std::size_t i = 0; i < 30; ++i) {
      tree.push_back(
          with_timeout(i == 0 ? root.ctx : tree[i / 2].ctx, std::chrono::microseconds(i * 7)));
    }
    wait_group all;
    for (std::size_t i = 0; i < 30; i += 3) {
      all.go([&tree, i] {
        tree[i].cancel();
        EXPECT_TRUE(tree[i].ctx.err());
        for (std::size_t child = 2 * i; child < 2 * i + 2 && child < tree.size(); ++child) {
          if (child > i) {
            EXPECT_TRUE(tree[child].ctx.err());
          }
        }
      });
    }
    all.go([&] { root.cancel(); });
    all.wait();
    for (auto& c : tree) EXPECT_TRUE(c.ctx.err());
  }
}

// What shows an end keeps the node until something can still end it.
RUNTIME_TEST(context_node, a_released_deadline_still_closes_done) {
  recv_chan<unit> done;
  std::atomic<bool> ran{false};
  {
    auto made = with_timeout(background(), 100us);
    done = made.ctx.done();
    after_func f(made.ctx, [&] { ran = true; });
    f.release();
    made.cancel.release();
  }
  EXPECT_EQ(done.recv(), std::nullopt);
  until([&] { return ran.load(); });
}

RUNTIME_THREAD_TEST(context_node, threads_wait_and_cancel) {
  auto made = with_cancel(background());
  std::thread waiter([ctx = made.ctx] { EXPECT_EQ(ctx.wait(), errc::canceled); });
  std::thread receiver(
      [ctx = made.ctx] { EXPECT_EQ(chan<int>(0).recv(ctx).error(), errc::canceled); });
  made.cancel();
  waiter.join();
  receiver.join();
}

RUNTIME_TEST(context_node, a_stop_request_races_with_death) {
  for (int round = 0; round < 50; ++round) {
    std::stop_source source;
    wait_group all;
    all.go([&] { source.request_stop(); });
    {
      auto made = interop::with_stop_token(background(), source.get_token());
      auto done = made.ctx.done();
      yield();
    }
    all.wait();
  }
}

RUNTIME_TEST(context_node, facts_for_diagnosis) {
  auto made = with_cancel(background());
  auto* n = static_cast<rt::canceler_node*>(made.ctx.node());
  EXPECT_EQ(n->maker, this_goroutine::id());
  EXPECT_EQ(n->handle.load(), rt::cancel_handle::alive);
  EXPECT_NE(n->made->line, 0u);
  go(made.ctx, [] { chan<int>(0).recv(); });
  until_waiting(wait_reason::chan_receive);
  made.cancel();
  EXPECT_EQ(n->ended_by.load(), this_goroutine::id());
  EXPECT_NE(n->ended_at.load()->line, 0u);
}

}  // namespace
}  // namespace taut::test
