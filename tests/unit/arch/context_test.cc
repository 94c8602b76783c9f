// SPDX-License-Identifier: Apache-2.0
// The machine switch by itself, between this thread's stack and stacks of its own, without the
// scheduler.
#include "arch/context.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "arch/sanitizer.h"

// Begins like taut_context_entry, but calls test_context_main.
extern "C" void test_context_entry() noexcept;
extern "C" [[noreturn]] void test_context_main(void* argument) noexcept;

#if defined(__x86_64__)
asm(R"(
  .text
  .type test_context_entry, @function
test_context_entry:
  movq %rax, %rdi
  call test_context_main
  ud2

// bool test_registers_survive(void** save, void* load, void* argument, long seed)
  .type test_registers_survive, @function
test_registers_survive:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  pushq %rcx
  leaq 1(%rcx), %rbx
  leaq 2(%rcx), %rbp
  leaq 3(%rcx), %r12
  leaq 4(%rcx), %r13
  leaq 5(%rcx), %r14
  leaq 6(%rcx), %r15
  call taut_switch
  movq (%rsp), %rcx
  subq %rcx, %rbx
  subq %rcx, %rbp
  subq %rcx, %r12
  subq %rcx, %r13
  subq %rcx, %r14
  subq %rcx, %r15
  xorl %eax, %eax
  cmpq $1, %rbx
  jne 1f
  cmpq $2, %rbp
  jne 1f
  cmpq $3, %r12
  jne 1f
  cmpq $4, %r13
  jne 1f
  cmpq $5, %r14
  jne 1f
  cmpq $6, %r15
  jne 1f
  movl $1, %eax
1:
  popq %rcx
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  ret
)");
extern "C" bool test_registers_survive(void** save, void* load, void* argument, long seed) noexcept;
constexpr std::size_t resume_word = 6;
#elif defined(__aarch64__)
asm(R"(
  .text
  .type test_context_entry, @function
test_context_entry:
  bl test_context_main
  brk #1
)");
constexpr std::size_t resume_word = 11;
#endif

namespace {

using namespace taut::rt;

constexpr std::size_t stack_bytes = std::size_t{64} << 10;

// What the two sides share.
struct side {
  void* sp = nullptr;  // where the other context resumes
  void* main_sp = nullptr;
  void (*body)(side&) = nullptr;
  std::uint64_t count = 0;
  void* told = nullptr;  // what the last switch brought
  std::unique_ptr<std::byte[]> stack{new std::byte[stack_bytes]};

  explicit side(void (*f)(side&)) : body(f) {
    sp = make_context(top());
    const auto entry = reinterpret_cast<std::uintptr_t>(&test_context_entry);
    std::memcpy(static_cast<std::byte*>(sp) + resume_word * 8, &entry, sizeof entry);
  }
  std::byte* top() const { return stack.get() + stack_bytes; }
  void* enter(void* argument) { return taut_switch(&main_sp, sp, argument); }
  void* leave(void* argument) { return taut_switch(&sp, main_sp, argument); }
};

// Computes with more values than there are registers, across switches.
template <class Switch>
double mix(std::uint64_t seed, Switch&& away) {
  std::uint64_t a = seed + 1, b = seed + 2, c = seed + 3, d = seed + 5, e = seed + 8, f = seed + 13;
  double x = static_cast<double>(seed) + 0.5, y = x * 2, z = x * 3;
  for (int i = 0; i < 10; ++i) {
    away();
    a += b ^ i;
    b += c * 3;
    c ^= d + 7;
    d += e;
    e ^= f << 1;
    f += a;
    x += y / 3;
    y += z / 5;
    z += x / 7;
  }
  return static_cast<double>((a ^ b ^ c ^ d ^ e ^ f) & 0xffffff) + x + y + z;
}

TEST(context, a_new_one_begins_at_its_entry_with_the_argument) {
  side s([](side& me) {
    for (;;) me.told = me.leave(&me.count);
  });
  EXPECT_EQ(s.enter(&s), &s.count);
  int x = 0;
  EXPECT_EQ(s.enter(&x), &s.count);
  EXPECT_EQ(s.told, &x);
}

TEST(context, the_stack_is_aligned_at_the_entry) {
  side s([](side& me) {
    alignas(16) volatile double aligned[2] = {1, 2};
    me.count = reinterpret_cast<std::uintptr_t>(&aligned) % 16;
    for (;;) me.leave(nullptr);
  });
  s.enter(&s);
  EXPECT_EQ(s.count, 0u);
}

TEST(context, values_survive_on_both_sides) {
  const double expected = mix(77, [] {});
  static double there;
  side s([](side& me) {
    for (;;) {
      there = mix(77, [&] { me.leave(nullptr); });
      ++me.count;
    }
  });
  s.enter(&s);
  for (int round = 0; round < 50; ++round) EXPECT_EQ(mix(77, [&] { s.enter(nullptr); }), expected);
  EXPECT_EQ(s.count, 50u);
  EXPECT_EQ(there, expected);
}

#if defined(__x86_64__)
TEST(context, every_preserved_register_survives_100000_switches) {
  side s([](side& me) {
    for (long i = 0;; ++i) {
      // Its own values, so that the other side's are gone from the registers.
      if (!test_registers_survive(&me.sp, me.main_sp, nullptr, -1'000'000 - i)) me.told = &me;
      ++me.count;
    }
  });
  s.enter(&s);
  int wrong = 0;
  for (long i = 0; i < 100'000; ++i)
    wrong += !test_registers_survive(&s.main_sp, s.sp, nullptr, i * 1000);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(s.told, nullptr);
  EXPECT_EQ(s.count, 100'000u);
}
#endif

TEST(context, contexts_call_each_other_in_a_ring) {
  constexpr int n = 16;
  static side* ring[n];
  static void* back;
  static std::uint64_t steps;
  steps = 0;
  std::unique_ptr<side> own[n];
  for (int i = 0; i < n; ++i) {
    own[i] = std::make_unique<side>([](side& me) {
      for (;;) {
        const std::uint64_t at = ++steps;
        ++me.count;
        if (at == 100'000) taut_switch(&me.sp, back, nullptr);
        // A new context gets its side as the argument; one that continues ignores it.
        side& next = *ring[at % n];
        taut_switch(&me.sp, next.sp, &next);
      }
    });
    ring[i] = own[i].get();
  }
  taut_switch(&back, ring[0]->sp, ring[0]);
  EXPECT_EQ(steps, 100'000u);
  for (const auto& s : own) EXPECT_EQ(s->count, 100'000u / n);
}

// Documented: a switch leaves the rounding mode alone, it is the thread's.
TEST(context, the_rounding_mode_is_the_threads) {
  side s([](side& me) {
    for (;;) {
      me.count = static_cast<std::uint64_t>(std::fegetround());
      std::fesetround(FE_TONEAREST);
      me.leave(nullptr);
    }
  });
  std::fesetround(FE_UPWARD);
  s.enter(&s);
  EXPECT_EQ(s.count, static_cast<std::uint64_t>(FE_UPWARD));
  EXPECT_EQ(std::fegetround(), FE_TONEAREST);
}

TEST(context, registers_of_a_saved_one) {
  std::byte area[stack_bytes / 16];
  void* sp = make_context(area + sizeof area);
  const saved_registers r = registers_of(sp);
  EXPECT_EQ(r.pc, reinterpret_cast<std::uintptr_t>(&taut_context_entry));
  EXPECT_EQ(r.fp, 0u);
  EXPECT_EQ(r.sp, reinterpret_cast<std::uintptr_t>(sp) + context_size);
  EXPECT_EQ(r.sp % 16, 0u);
  EXPECT_LE(r.sp, reinterpret_cast<std::uintptr_t>(area + sizeof area));

  // From a copy: the same, though the original has changed since.
  std::byte copy[context_size];
  std::memcpy(copy, sp, context_size);
  std::memset(sp, 0, context_size);
  const saved_registers c = registers_of(reinterpret_cast<std::uintptr_t>(sp), copy);
  EXPECT_EQ(c.pc, r.pc);
  EXPECT_EQ(c.sp, r.sp);
  EXPECT_EQ(c.fp, r.fp);

  side s([](side& me) {
    for (;;) me.leave(nullptr);
  });
  s.enter(&s);
  const saved_registers parked = registers_of(s.sp);
  EXPECT_GT(parked.sp, reinterpret_cast<std::uintptr_t>(s.stack.get()));
  EXPECT_LT(parked.sp, reinterpret_cast<std::uintptr_t>(s.top()));
}

}  // namespace

extern "C" void test_context_main(void* argument) noexcept {
  auto* s = static_cast<side*>(argument);
  s->body(*s);
  __builtin_unreachable();
}
