// SPDX-License-Identifier: Apache-2.0
#include "arch/cfi_expression.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <random>
#include <vector>

namespace taut::rt {
namespace {

constexpr std::uint8_t deref = 0x06, dup = 0x12, pick = 0x15, swap = 0x16, rot = 0x17, minus = 0x1c,
                       plus = 0x22, plus_uconst = 0x23, bra = 0x28, skip = 0x2f, lit0 = 0x30;
constexpr std::uint8_t breg_sp = 0x70 + dwarf_sp, breg_fp = 0x70 + dwarf_fp;

class cfi_expression_test : public testing::Test {
 protected:
  std::optional<std::uintptr_t> run(const std::vector<std::uint8_t>& code,
                                    const std::uintptr_t* cfa = nullptr) {
    auto low = reinterpret_cast<std::uintptr_t>(words_);
    stack_memory stack(low, low + sizeof words_, reinterpret_cast<std::byte*>(words_));
    walk_registers registers{0x1000b, low, low + 16, 0, 0};
    std::uintptr_t result = 0;
    cfi_expression expression{reinterpret_cast<const std::byte*>(code.data()), code.size()};
    if (!evaluate(expression, registers, stack, cfa, result)) return std::nullopt;
    return result;
  }

  std::uintptr_t words_[4] = {10, 20, 30, 40};
};

TEST_F(cfi_expression_test, reads_registers_and_the_stack) {
  auto low = reinterpret_cast<std::uintptr_t>(words_);
  EXPECT_EQ(run({breg_sp, 8}), low + 8);
  EXPECT_EQ(run({breg_sp, 8, deref}), 20u);
  EXPECT_EQ(run({breg_fp, 0x78, deref}), 20u);  // fp - 8
  EXPECT_EQ(run({breg_sp, 24, deref}), 40u);
}

TEST_F(cfi_expression_test, starts_with_the_frame_address_if_given) {
  std::uintptr_t cfa = 100;
  EXPECT_EQ(run({plus_uconst, 5}, &cfa), 105u);
  EXPECT_EQ(run({plus_uconst, 5}), std::nullopt);
}

TEST_F(cfi_expression_test, computes) {
  EXPECT_EQ(run({lit0 + 7, lit0 + 5, minus}), 2u);
  EXPECT_EQ(run({lit0 + 7, lit0 + 5, swap, minus}), static_cast<std::uintptr_t>(-2));
  EXPECT_EQ(run({lit0 + 7, dup, plus}), 14u);
  EXPECT_EQ(run({lit0 + 1, lit0 + 2, lit0 + 3, rot}), 2u);
  EXPECT_EQ(run({lit0 + 1, lit0 + 2, lit0 + 3, pick, 2}), 1u);
  EXPECT_EQ(run({0x0a, 0x34, 0x12}), 0x1234u);
  EXPECT_EQ(run({0x11, 0x7f}), static_cast<std::uintptr_t>(-1));
  EXPECT_EQ(run({0x11, 0x70, lit0 + 4, 0x1b}), static_cast<std::uintptr_t>(-4));  // -16 / 4
  EXPECT_EQ(run({lit0 + 3, lit0 + 2, 0x24}), 12u);                                // shl
  EXPECT_EQ(run({lit0 + 11, lit0 + 11, 0x2a}), 1u);                               // ge
  EXPECT_EQ(run({lit0 + 1, bra, 1, 0, lit0 + 9, lit0 + 4}), 4u);
  EXPECT_EQ(run({lit0 + 0, bra, 1, 0, lit0 + 9}), 9u);
}

#if defined(__x86_64__)
// What linkers write for entries of the procedure linkage table: CFA = rsp + 8, and 8 more once
// the entry has pushed, which it has from its eleventh byte on. Here pc ends in 0xb.
TEST_F(cfi_expression_test, knows_where_it_is_in_a_linkage_table_entry) {
  auto low = reinterpret_cast<std::uintptr_t>(words_);
  EXPECT_EQ(run({0x77, 8, 0x80, 0, lit0 + 15, 0x1a, lit0 + 11, 0x2a, lit0 + 3, 0x24, plus}),
            low + 16);
  EXPECT_EQ(run({0x77, 8, 0x80, 0, lit0 + 15, 0x1a, lit0 + 12, 0x2a, lit0 + 3, 0x24, plus}),
            low + 8);
}
#endif

TEST_F(cfi_expression_test, refuses_what_it_cannot_do) {
  EXPECT_EQ(run({}), std::nullopt);                    // leaves nothing
  EXPECT_EQ(run({lit0, plus}), std::nullopt);          // takes too much
  EXPECT_EQ(run({breg_sp, 32, deref}), std::nullopt);  // outside the stack
  EXPECT_EQ(run({breg_sp, 4, deref}), std::nullopt);   // not aligned
  EXPECT_EQ(run({lit0, deref}), std::nullopt);
  EXPECT_EQ(run({0x70 + 12, 0}), std::nullopt);                 // a register nobody follows
  EXPECT_EQ(run({0xe0}), std::nullopt);                         // no such operation
  EXPECT_EQ(run({0x0e, 1, 2}), std::nullopt);                   // cut short
  EXPECT_EQ(run({lit0 + 1, lit0, 0x1b}), std::nullopt);         // division by zero
  EXPECT_EQ(run({skip, 0xfd, 0xff}), std::nullopt);             // for ever
  EXPECT_EQ(run({skip, 0xf0, 0xff}), std::nullopt);             // before the beginning
  EXPECT_EQ(run({skip, 9, 0, lit0}), std::nullopt);             // past the end
  EXPECT_EQ(run({lit0, dup, skip, 0xfc, 0xff}), std::nullopt);  // a stack without end
}

TEST_F(cfi_expression_test, survives_any_bytes) {
  std::mt19937 random(7);
  int finished = 0;
  for (int round = 0; round < 100000; ++round) {
    std::vector<std::uint8_t> code(random() % 24);
    for (auto& byte : code) byte = static_cast<std::uint8_t>(random() % 0x98);
    std::uintptr_t cfa = reinterpret_cast<std::uintptr_t>(words_);
    finished += run(code, &cfa).has_value();
  }
  EXPECT_GT(finished, 0);
}

}  // namespace
}  // namespace taut::rt
