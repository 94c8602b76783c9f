// SPDX-License-Identifier: Apache-2.0
// go(), this_goroutine, pin and shield: what the rules SCHED-nn do not say.
#include "taut/go.h"

#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/context.h"

namespace taut::test {
namespace {

RUNTIME_TEST(go, takes_a_callable_of_any_size_and_alignment) {
  struct alignas(256) wide {
    std::array<char, 1000> bytes{};
  };
  chan<std::uintptr_t> at(0);
  wide w;
  w.bytes[999] = 7;
  go([=] {
    EXPECT_EQ(w.bytes[999], 7);
    at.send(reinterpret_cast<std::uintptr_t>(&w));
  });
  EXPECT_EQ(*at.recv() % 256, 0u);
}

RUNTIME_TEST(go, a_callable_that_cannot_be_copied_starts_nothing) {
  struct fails {
    fails() = default;
    fails(const fails&) { throw std::runtime_error("copy"); }
    void operator()() const { ADD_FAILURE() << "ran"; }
  } f;
  const std::size_t before = num_goroutine();
  EXPECT_THROW(go(f), std::runtime_error);
  EXPECT_EQ(num_goroutine(), before);
}

RUNTIME_THREAD_TEST(go, refuses_a_callable_larger_than_its_stack) {
  auto large = std::make_unique<std::array<char, 1 << 20>>();
  const std::size_t before = num_goroutine();
  EXPECT_THROW(go([a = *large] { ADD_FAILURE() << a[0]; }), std::bad_alloc);
  EXPECT_EQ(num_goroutine(), before);
}

RUNTIME_TEST(go, gives_the_stack_that_was_asked_for) {
  chan<int> sum(0);
  go({.stack = std::size_t{4} << 20}, [=] {
    std::array<volatile char, 2 << 20> room{};
    room[0] = 1;
    room[room.size() - 1] = 2;
    sum.send(room[0] + room[room.size() - 1]);
  });
  EXPECT_EQ(sum.recv(), 3);
}

RUNTIME_TEST(go, destroys_the_callable_however_it_ends) {
  auto token = std::make_shared<int>(0);
  go([token] {});
  go([token] { goexit(); });
  go([token] { throw canceled(); });
  until([&] { return token.use_count() == 1; });
}

RUNTIME_TEST(this_goroutine, cuts_a_long_name) {
  const std::string text(100, 'x');
  this_goroutine::set_name(text);
  EXPECT_EQ(this_goroutine::name(), text.substr(0, 31));
  this_goroutine::set_name("short");
  EXPECT_EQ(this_goroutine::name(), "short");
}

RUNTIME_TEST(this_goroutine, an_inherited_label_is_its_own) {
  this_goroutine::set_label("k", "parent's");
  chan<std::string> seen(0);
  go([=] {
    seen.send(this_goroutine::label("k"));
    this_goroutine::set_label("k", "");
    seen.send(this_goroutine::label("k"));
  });
  EXPECT_EQ(seen.recv(), "parent's");
  EXPECT_EQ(seen.recv(), "");
  EXPECT_EQ(this_goroutine::label("k"), "parent's");
  EXPECT_NE(panic_of([] { this_goroutine::set_label("k", std::string(300, 'x')); }), "");
  EXPECT_EQ(this_goroutine::label("k"), "parent's");
}

RUNTIME_THREAD_TEST(this_goroutine, says_so_when_there_is_none) {
  EXPECT_EQ(this_goroutine::id(), 0u);
  EXPECT_EQ(this_goroutine::worker(), -1);
  EXPECT_NE(panic_of([] { goexit(); }), "");
}

RUNTIME_TEST(pin, keeps_the_worker_until_the_last_one_dies) {
  pin outer;
  const int here = this_goroutine::worker();
  {
    pin inner;
    let_others_run();
    EXPECT_EQ(this_goroutine::worker(), here);
  }
  let_others_run();
  EXPECT_EQ(this_goroutine::worker(), here);
}

RUNTIME_TEST(shield, holds_the_bound_context_off_until_the_last_one_dies) {
  auto [ctx, cancel] = with_cancel(background());
  chan<int> steps(0), answers(0);
  go(ctx, [=] {
    shield outer;
    {
      shield inner;
      steps.send(1);
      answers.recv();
    }
    steps.send(2);
  });
  EXPECT_EQ(steps.recv(), 1);
  cancel();
  answers.send(0);
  EXPECT_EQ(steps.recv(), 2);
}

RUNTIME_TEST(shield, leaves_the_next_wait_to_the_bound_context) {
  auto [ctx, cancel] = with_cancel(background());
  chan<int> started(0), never(0);
  chan<bool> ended(1);
  go(ctx, [=] {
    {
      shield s;
      started.send(1);
    }
    try {
      never.recv();
    } catch (const canceled&) {
      ended.send(true);
      throw;
    }
  });
  EXPECT_EQ(started.recv(), 1);
  cancel();
  EXPECT_EQ(ended.recv(), true);
}

}  // namespace
}  // namespace taut::test
