// SPDX-License-Identifier: Apache-2.0
// The rules CONTEXT-nn of docs/semantics.md.
#include "taut/context.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/fixture.h"
#include "taut/condition.h"
#include "taut/interop/stop_token.h"
#include "taut/mutex.h"
#include "taut/select.h"
#include "taut/semaphore.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

using rt::wait_reason;
using namespace std::chrono_literals;

std::string text_of(const std::exception_ptr& cause) {
  if (cause == nullptr) return "none";
  try {
    std::rethrow_exception(cause);
  } catch (const std::exception& e) {
    return e.what();
  }
}

std::exception_ptr failure(const char* text) {
  return std::make_exception_ptr(std::runtime_error(text));
}

struct user_key {
  using type = std::string;
};
struct other_key {
  using type = int;
};

RUNTIME_TEST(context, CONTEXT_01_background_never_ends) {
  EXPECT_FALSE(background().done());
  EXPECT_FALSE(background().err());
  EXPECT_EQ(background().cause(), nullptr);
  EXPECT_EQ(background().deadline(), std::nullopt);
  EXPECT_EQ(background().to_string(), "context.Background");
  EXPECT_EQ(todo().to_string(), "context.TODO");
  EXPECT_FALSE(todo().done());
  EXPECT_EQ(context(), background());
  EXPECT_FALSE(todo() == background());
}

RUNTIME_TEST(context, CONTEXT_02_cancel_ends_it_once) {
  auto [ctx, cancel] = with_cancel(background());
  auto done = ctx.done();
  EXPECT_FALSE(ctx.err());
  EXPECT_EQ(done.try_recv().error(), errc::would_block);
  cancel();
  cancel(failure("late"));
  EXPECT_EQ(done.recv(), std::nullopt);
  EXPECT_EQ(ctx.err(), errc::canceled);
  EXPECT_EQ(ctx.err().message(), "context canceled");
  EXPECT_EQ(text_of(ctx.cause()), "context canceled");
  EXPECT_EQ(ctx.wait(), errc::canceled);
}

RUNTIME_TEST(context, CONTEXT_03_descendants_end_before_cancel_returns) {
  auto [root, cancel] = with_cancel(background());
  std::vector<cancelable> tree;
  for (int i = 0; i < 200; ++i)
    tree.push_back(with_cancel(i == 0 ? root : tree[static_cast<std::size_t>(i / 2)].ctx));
  std::vector<context> values;
  for (auto& c : tree) values.push_back(with_value<other_key>(c.ctx, 1));
  cancel();
  for (auto& c : tree) EXPECT_EQ(c.ctx.err(), errc::canceled);
  for (auto& v : values) EXPECT_EQ(v.err(), errc::canceled);
}

RUNTIME_TEST(context, CONTEXT_04_a_child_does_not_end_its_parent) {
  auto [root, cancel_root] = with_cancel(background());
  auto [child, cancel_child] = with_cancel(root);
  auto [sibling, cancel_sibling] = with_cancel(root);
  cancel_child();
  EXPECT_EQ(child.err(), errc::canceled);
  EXPECT_FALSE(root.err());
  EXPECT_FALSE(sibling.err());
}

RUNTIME_TEST(context, CONTEXT_05_the_handle_cancels_when_it_dies) {
  context kept;
  {
    auto [ctx, cancel] = with_cancel(background());
    kept = ctx;
    EXPECT_FALSE(kept.err());
  }
  EXPECT_EQ(kept.err(), errc::canceled);
  auto [parent, cancel] = with_cancel(background());
  recv_chan<unit> done;
  {
    auto [ctx, forgotten] = with_cancel(parent);
    done = ctx.done();
    forgotten.release();
  }
  EXPECT_EQ(done.try_recv().error(), errc::would_block);
  cancel();
  EXPECT_EQ(done.recv(), std::nullopt);
}

RUNTIME_TEST(context, CONTEXT_06_the_first_cause_wins) {
  auto [root, cancel_root] = with_cancel(background());
  auto [early, cancel_early] = with_cancel(root);
  auto [heir, cancel_heir] = with_cancel(root);
  cancel_early(failure("mine"));
  cancel_root(failure("theirs"));
  cancel_heir(failure("too late"));
  EXPECT_EQ(text_of(early.cause()), "mine");
  EXPECT_EQ(text_of(heir.cause()), "theirs");
  EXPECT_EQ(heir.cause(), root.cause());
  EXPECT_EQ(heir.err(), errc::canceled);
  auto [born_late, cancel] = with_cancel(root);
  EXPECT_EQ(born_late.cause(), root.cause());
}

RUNTIME_TEST(context, CONTEXT_07_a_deadline_ends_it) {
  auto [ctx, cancel] = with_timeout(background(), 2ms, failure("slow"));
  EXPECT_TRUE(ctx.deadline().has_value());
  EXPECT_EQ(ctx.wait(), errc::deadline_exceeded);
  EXPECT_EQ(ctx.err().message(), "context deadline exceeded");
  EXPECT_TRUE(ctx.err() == std::errc::timed_out);
  EXPECT_EQ(text_of(ctx.cause()), "slow");
  EXPECT_EQ(ctx.done().recv(), std::nullopt);
}

RUNTIME_TEST(context, CONTEXT_08_a_deadlines_cause_is_for_the_deadline_only) {
  auto [ctx, cancel] = with_timeout(background(), 1h, failure("slow"));
  cancel();
  EXPECT_EQ(ctx.err(), errc::canceled);
  EXPECT_EQ(text_of(ctx.cause()), "context canceled");
}

RUNTIME_TEST(context, CONTEXT_09_a_deadline_in_the_past_has_ended_it) {
  auto [ctx, cancel] = with_timeout(background(), 0ns);
  EXPECT_EQ(ctx.err(), errc::deadline_exceeded);
  EXPECT_EQ(ctx.done().recv(), std::nullopt);
  EXPECT_EQ(text_of(ctx.cause()), "context deadline exceeded");
  auto [past, cancel_past] = with_deadline(background(), now() - 1s, failure("missed"));
  EXPECT_EQ(text_of(past.cause()), "missed");
}

RUNTIME_TEST(context, CONTEXT_10_the_earlier_deadline_counts) {
  auto [parent, cancel_parent] = with_timeout(background(), 1h);
  auto [child, cancel_child] = with_timeout(parent, 2h);
  EXPECT_EQ(child.deadline(), parent.deadline());
  auto [sooner, cancel_sooner] = with_timeout(parent, 1min);
  EXPECT_LT(*sooner.deadline(), *parent.deadline());
  EXPECT_EQ(with_value<other_key>(parent, 1).deadline(), parent.deadline());
}

RUNTIME_TEST(context, CONTEXT_11_without_cancel_keeps_values_only) {
  auto [root, cancel] = with_timeout(background(), 1h);
  const context named = with_value<user_key>(root, "ann");
  const context apart = without_cancel(named);
  cancel();
  EXPECT_FALSE(apart.done());
  EXPECT_FALSE(apart.err());
  EXPECT_EQ(apart.cause(), nullptr);
  EXPECT_EQ(apart.deadline(), std::nullopt);
  EXPECT_EQ(*apart.value<user_key>(), "ann");
  EXPECT_EQ(without_cancel(background()).to_string(), "context.Background.WithoutCancel");
}

RUNTIME_TEST(context, CONTEXT_12_values_are_found_towards_the_root) {
  const context outer = with_value<user_key>(background(), "ann");
  auto [middle, cancel] = with_cancel(outer);
  const context inner = with_value<user_key>(with_value<other_key>(middle, 7), "bob");
  EXPECT_EQ(*outer.value<user_key>(), "ann");
  EXPECT_EQ(*middle.value<user_key>(), "ann");
  EXPECT_EQ(*inner.value<user_key>(), "bob");
  EXPECT_EQ(*inner.value<other_key>(), 7);
  EXPECT_EQ(outer.value<other_key>(), nullptr);
  EXPECT_EQ(middle.to_string().find("context.Background.WithValue("), 0u);
}

RUNTIME_TEST(context, CONTEXT_13_after_func_runs_once_in_a_goroutine_of_its_own) {
  auto [ctx, cancel] = with_cancel(background());
  std::atomic<int> ran{0};
  std::atomic<std::uint64_t> where{0};
  after_func first(ctx, [&] {
    where = this_goroutine::id();
    ++ran;
  });
  after_func second(ctx, [&] { ++ran; });
  let_others_run();
  EXPECT_EQ(ran, 0);
  cancel();
  until([&] { return ran == 2; });
  EXPECT_NE(where, this_goroutine::id());
  EXPECT_FALSE(first.stop());
  after_func late(ctx, [&] { ++ran; });
  until([&] { return ran == 3; });
}

RUNTIME_TEST(context, CONTEXT_14_stop_prevents_an_after_func) {
  auto [ctx, cancel] = with_cancel(background());
  std::atomic<int> ran{0};
  after_func stopped(ctx, [&] { ++ran; });
  EXPECT_TRUE(stopped.stop());
  EXPECT_FALSE(stopped.stop());
  {
    after_func died(ctx, [&] { ++ran; });
  }
  after_func kept(ctx, [&] { ran += 10; });
  kept.release();
  cancel();
  until([&] { return ran >= 10; });
  let_others_run();
  EXPECT_EQ(ran, 10);
  after_func never(background(), [] {});
  EXPECT_TRUE(never.stop());
  EXPECT_FALSE(never.stop());
}

RUNTIME_TEST(context, CONTEXT_15_explicit_waits_give_up_with_the_reason) {
  chan<int> c(0), full(1);
  full.send(0);
  auto [ended, cancel_ended] = with_cancel(background());
  cancel_ended();
  chan<int> ready(1);
  ready.send(1);
  EXPECT_EQ(ready.recv(ended).error(), errc::canceled);  // before it looks
  auto [ctx, cancel] = with_cancel(background());
  std::vector<std::error_code> why(4);
  const context waits_for = ctx;
  wait_group all;
  all.go([&] { why[0] = c.recv(waits_for).error(); });
  all.go([&] { why[1] = full.send(waits_for, 1).error(); });
  all.go([&] { why[2] = sleep_for(waits_for, 1h).error(); });
  all.go([&] { why[3] = waits_for.wait(); });
  until_waiting(wait_reason::sleep);
  cancel();
  all.wait();
  for (auto& e : why) EXPECT_EQ(e, errc::canceled);
}

// Every wait a bound goroutine may be in.
RUNTIME_TEST(context, CONTEXT_16_bound_goroutines_are_woken_by_canceled) {
  auto [ctx, cancel] = with_cancel(background());
  chan<int> empty(0), nobody(0), other(0);
  wait_group never;
  never.add(1);
  mutex m;
  condition changed;
  semaphore none(1);
  EXPECT_TRUE(none.try_acquire(1));
  std::atomic<int> unwound{0}, went_on{0};
  const std::vector<std::function<void()>> waits = {
      [&] { empty.recv(); },
      [&] { nobody.send(1); },
      [&] { chan<int>().recv(); },
      [&] { select(recv(other), recv(empty)); },
      [&] { sleep_for(1h); },
      [&] { never.wait(); },
      [&] {
        std::unique_lock hold(m);
        changed.wait(m);
      },
      [&] { none.acquire(1); },
  };
  for (auto& wait : waits) {
    go(ctx, [&unwound, &went_on, wait] {
      struct counter {
        std::atomic<int>* n;
        ~counter() { ++*n; }
      } at_end{&unwound};
      wait();
      ++went_on;
    });
  }
  until_waiting(wait_reason::sleep);
  until_waiting(wait_reason::cond_wait);
  until_waiting(wait_reason::wait_group_wait);
  EXPECT_EQ(unwound, 0);
  cancel();
  until([&] { return unwound == static_cast<int>(waits.size()); });
  EXPECT_EQ(went_on, 0);
  never.done();
}

RUNTIME_TEST(context, CONTEXT_17_the_first_wait_after_the_end_throws) {
  auto [ctx, cancel] = with_cancel(background());
  cancel();
  std::atomic<int> thrown{0};
  wait_group all;
  all.add(1);
  go(ctx, [&, c = ctx] {
    EXPECT_EQ(this_goroutine::bound(), c);
    chan<int> ready(1);
    ready.send(1);  // does not wait
    for (int i = 0; i < 2; ++i) {
      try {
        chan<int>(0).recv();
      } catch (const canceled&) {
        ++thrown;  // meets it again
      }
    }
    {
      shield protect;
      sleep_for(1us);
      ++thrown;
    }
    all.done();
  });
  all.wait();
  EXPECT_EQ(thrown, 3);
  EXPECT_EQ(this_goroutine::bound(), background());
}

RUNTIME_TEST(context, CONTEXT_18_an_ancestors_end_reaches_bound_goroutines) {
  auto [root, cancel_root] = with_cancel(background());
  auto [child, cancel_child] = with_cancel(root);
  const context named = with_value<user_key>(child, "ann");
  std::atomic<bool> unwound{false};
  go(named, [&] {
    struct at_end {
      std::atomic<bool>* b;
      ~at_end() { *b = true; }
    } e{&unwound};
    EXPECT_EQ(*this_goroutine::bound().value<user_key>(), "ann");
    chan<int>(0).recv();
  });
  until_waiting(wait_reason::chan_receive);
  cancel_root();
  until([&] { return unwound.load(); });
}

RUNTIME_TEST(context, CONTEXT_19_stop_tokens_both_ways) {
  auto [ctx, cancel] = with_cancel(background());
  const std::stop_token token = interop::stop_token(ctx);
  bool asked = false;
  std::stop_callback on_stop(token, [&] { asked = true; });
  EXPECT_FALSE(token.stop_requested());
  cancel();
  EXPECT_TRUE(token.stop_requested());
  EXPECT_TRUE(asked);
  EXPECT_TRUE(interop::stop_token(ctx).stop_requested());
  EXPECT_FALSE(interop::stop_token(background()).stop_possible());

  std::stop_source source;
  auto [stopped, unused] = interop::with_stop_token(background(), source.get_token());
  auto done = stopped.done();
  source.request_stop();
  EXPECT_EQ(stopped.err(), errc::canceled);
  EXPECT_EQ(done.recv(), std::nullopt);
  auto [at_once, unused_too] = interop::with_stop_token(background(), source.get_token());
  EXPECT_EQ(at_once.err(), errc::canceled);
}

RUNTIME_TEST(context, CONTEXT_20_err_is_set_when_done_is_seen_closed_and_the_other_way_round) {
  for (int i = 0; i < 50; ++i) {
    auto [ctx, cancel] = with_cancel(background());
    wait_group all;
    const context seen = ctx;
    all.go([&] {
      seen.done().recv();
      EXPECT_TRUE(seen.err());
    });
    all.go([&] {
      while (!seen.err()) yield();
      EXPECT_EQ(seen.done().try_recv().error(), errc::closed);
    });
    yield();
    cancel();
    all.wait();
  }
}

RUNTIME_TEST(context, CONTEXT_21_wait_answers_when_the_bound_context_ends_it_too) {
  auto [ctx, cancel] = with_cancel(background());
  auto [other, cancel_other] = with_cancel(background());
  const context mine = ctx, strange = other;
  std::atomic<int> answered{0}, thrown{0};
  go(ctx, [&] {
    EXPECT_EQ(mine.wait(), errc::canceled);
    ++answered;
  });
  go(ctx, [&] {
    try {
      static_cast<void>(strange.wait());
    } catch (const canceled&) {
      ++thrown;
    }
  });
  until_waiting(wait_reason::context_done, 2);
  cancel();
  until([&] { return answered == 1 && thrown == 1; });
}

}  // namespace
}  // namespace taut::test
