// SPDX-License-Identifier: Apache-2.0
#include "diag/call_target.h"

#include <gtest/gtest.h>

namespace taut::test {
namespace {

std::uintptr_t returned_to = 0;

[[gnu::noinline]] void callee() {
  returned_to = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  asm volatile("" ::: "memory");
}

std::uintptr_t address_of(void (*f)()) { return reinterpret_cast<std::uintptr_t>(f); }

TEST(call_target, is_the_function_that_was_called) {
  callee();
  asm volatile("" ::: "memory");  // no tail call
  EXPECT_EQ(rt::call_target(returned_to), address_of(callee));
}

TEST(call_target, is_none_of_a_call_by_a_pointer) {
  void (*volatile pointer)() = callee;
  pointer();
  asm volatile("" ::: "memory");
  EXPECT_NE(rt::call_target(returned_to), address_of(callee));
}

TEST(call_target, of_any_word_is_an_answer) {
  for (const std::uintptr_t word :
       {std::uintptr_t{0}, std::uintptr_t{1}, std::uintptr_t{5}, std::uintptr_t{4096},
        ~std::uintptr_t{0}, std::uintptr_t{1} << 63, address_of(callee) + 1}) {
    rt::call_target(word);
  }
  EXPECT_EQ(rt::call_target(0), 0u);
}

}  // namespace
}  // namespace taut::test
