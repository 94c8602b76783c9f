// SPDX-License-Identifier: Apache-2.0
// Reads the test program's own tables, a small one made by hand, and damaged ones.
#include "arch/eh_frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <random>
#include <vector>

#include "arch/unwind.h"
#include "arch/unwind_cache.h"
#include "arch/unwind_modules.h"

namespace taut::rt {
namespace {

const loaded_module& own_module() {
  refresh_modules();
  return *current_modules()->find(reinterpret_cast<std::uintptr_t>(&own_module) + 1);
}

TEST(eh_frame_test, has_rules_for_almost_all_code) {
  const loaded_module& own = own_module();
  ASSERT_GT(own.table.count, 0u);
  std::size_t found = 0, packed = 0;
  for (std::size_t i = 0; i < own.table.count; ++i) {
    std::int32_t relative = 0;
    std::memcpy(&relative, own.table.data + own.table.entries + i * 8, sizeof relative);
    std::uintptr_t begin = own.table.address + own.table.header +
                           static_cast<std::uintptr_t>(static_cast<std::intptr_t>(relative));
    frame_row row;
    if (!find_row(own.table, begin, row)) continue;
    ++found;
    packed_rule rule;
    packed += pack(row, rule);
  }
  EXPECT_EQ(found, own.table.count);  // an FDE says something about its first instruction
  EXPECT_GT(packed * 100, found * 98);
}

TEST(eh_frame_test, knows_nothing_outside_the_code) {
  const loaded_module& own = own_module();
  frame_row row;
  EXPECT_FALSE(find_row(own.table, 0, row));
  EXPECT_FALSE(find_row(own.table, own.text_high + 0x10000000, row));
  EXPECT_FALSE(find_row(own.table, own.table.address, row));
}

// A header, one CIE and one FDE for [0x1000, 0x1100), mapped at 0x100000.
class made_table {
 public:
  static constexpr std::uintptr_t mapped = 0x100000, function = 0x1000;

  made_table(std::initializer_list<std::uint8_t> instructions,
             std::initializer_list<std::uint8_t> augmentation = {'z', 'R', 0}) {
    put({1, 0x1b, 0x03, 0x3b});
    word(20 - 4);  // .eh_frame is 20 bytes from the header, this field 4
    word(1);       // one pair
    word(static_cast<std::uint32_t>(function - mapped));
    std::size_t fde_field = bytes_.size();
    word(0);

    std::size_t cie = begin_record();
    word(0);
    put({1});
    put(augmentation);
    put({1, 0x78, dwarf_ra, 1, 0x1b});             // factors 1 and -8; pc-relative, 32 bits
    put({0x0c, dwarf_sp, 8, 0x80 | dwarf_ra, 1});  // CFA = sp + 8, ra saved at CFA - 8
    end_record(cie);

    std::size_t fde = begin_record();
    word(static_cast<std::uint32_t>(bytes_.size() - cie));
    word(static_cast<std::uint32_t>(function - (mapped + bytes_.size())));
    word(0x100);
    put({0});  // no augmentation data
    put(instructions);
    end_record(fde);
    word(0);
    auto at = static_cast<std::uint32_t>(fde);
    std::memcpy(&bytes_[fde_field], &at, sizeof at);

    table_.address = mapped;
    table_.data = reinterpret_cast<const std::byte*>(bytes_.data());
    table_.size = bytes_.size();
    opened_ = open_table(table_);
  }

  bool opened() const { return opened_; }
  bool find(std::uintptr_t offset, frame_row& row) const {
    return find_row(table_, function + offset, row);
  }

 private:
  void put(std::initializer_list<std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void word(std::uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  }
  std::size_t begin_record() {
    word(0);
    return bytes_.size() - 4;
  }
  void end_record(std::size_t begin) {
    auto length = static_cast<std::uint32_t>(bytes_.size() - begin - 4);
    std::memcpy(&bytes_[begin], &length, sizeof length);
  }

  std::vector<std::uint8_t> bytes_;
  unwind_table table_;
  bool opened_ = false;
};

TEST(eh_frame_test, follows_the_instructions_up_to_an_address) {
  made_table table({
      0x41, 0x0e, 16, 0x80 | dwarf_fp, 2,  // +1: push fp
      0x43, 0x0d, dwarf_fp,                // +4: fp is the frame
      0x0a,                                // remember
      0x02, 0x20, 0x0c, dwarf_sp, 8,       // +0x24: epilogue
      0xc0 | dwarf_fp,                     // fp is restored
      0x41, 0x0b,                          // +0x25: as remembered
  });
  ASSERT_TRUE(table.opened());
  frame_row row;
  ASSERT_TRUE(table.find(0, row));
  EXPECT_EQ(row.cfa_register, dwarf_sp);
  EXPECT_EQ(row.cfa_offset, 8);
  EXPECT_EQ(row.rules[tracked_fp].kind, rule_kind::same);
  EXPECT_EQ(row.rules[tracked_ra].kind, rule_kind::saved);
  EXPECT_EQ(row.rules[tracked_ra].offset, -8);
  EXPECT_FALSE(row.signal);

  for (std::uintptr_t offset : {1, 3}) {
    ASSERT_TRUE(table.find(offset, row));
    EXPECT_EQ(row.cfa_register, dwarf_sp);
    EXPECT_EQ(row.cfa_offset, 16);
    EXPECT_EQ(row.rules[tracked_fp].offset, -16);
  }
  for (std::uintptr_t offset : {4, 0x23, 0x25, 0xff}) {
    ASSERT_TRUE(table.find(offset, row));
    EXPECT_EQ(row.cfa_register, dwarf_fp) << offset;
    EXPECT_EQ(row.cfa_offset, 16);
    EXPECT_EQ(row.rules[tracked_fp].kind, rule_kind::saved);
  }
  ASSERT_TRUE(table.find(0x24, row));
  EXPECT_EQ(row.cfa_register, dwarf_sp);
  EXPECT_EQ(row.rules[tracked_fp].kind, rule_kind::same);

  EXPECT_FALSE(table.find(0x100, row));
  EXPECT_FALSE(table.find(static_cast<std::uintptr_t>(-1), row));
}

TEST(eh_frame_test, knows_undefined_registers_expressions_and_signal_frames) {
  made_table table({0x07, dwarf_ra, 0x0f, 2, 0x70 + dwarf_sp, 8, 0x16, dwarf_fp, 1, 0x30, 0x10,
                    dwarf_base, 2, 0x23, 1},
                   {'z', 'R', 'S', 0});
  frame_row row;
  ASSERT_TRUE(table.find(0, row));
  EXPECT_TRUE(row.signal);
  EXPECT_EQ(row.rules[tracked_ra].kind, rule_kind::undefined);
  EXPECT_EQ(row.cfa_expression.size, 2u);
  EXPECT_EQ(row.rules[tracked_fp].kind, rule_kind::value_expression);
  EXPECT_EQ(row.rules[tracked_base].kind, rule_kind::saved_expression);
  EXPECT_EQ(row.rules[tracked_base].expression.size, 2u);
}

TEST(eh_frame_test, refuses_what_it_does_not_know) {
  frame_row row;
  EXPECT_FALSE(made_table({0x3f}).find(0, row));                  // an instruction
  EXPECT_FALSE(made_table({0x0b}).find(0, row));                  // nothing was remembered
  EXPECT_FALSE(made_table({0x0f, 0x7f}).find(0, row));            // an expression past the end
  EXPECT_FALSE(made_table({}, {'z', 'R', '?', 0}).find(0, row));  // an augmentation
  EXPECT_TRUE(made_table({0x41, 0x3f}).find(0, row));             // but not what comes later
}

TEST(eh_frame_test, survives_damaged_tables) {
  const loaded_module& own = own_module();
  std::vector<std::byte> bytes(own.table.data, own.table.data + own.table.size);
  std::mt19937_64 random(99);
  std::size_t found = 0, lost = 0;
  for (int round = 0; round < 400; ++round) {
    // A copy of its own, so that a sanitizer sees a read past the end.
    std::vector<std::byte> damaged(bytes.begin(), bytes.end() - random() % 64);
    for (std::size_t i = 0; i < damaged.size() / 64; ++i)
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    if (round % 2 == 0) std::copy(bytes.begin(), bytes.begin() + 12, damaged.begin());
    unwind_table table = own.table;
    table.data = damaged.data();
    table.size = damaged.size();
    if (!open_table(table)) continue;
    for (int look = 0; look < 200; ++look) {
      std::uintptr_t pc = own.text_low + random() % (own.text_high - own.text_low);
      frame_row row;
      ++(find_row(table, pc, row) ? found : lost);
    }
  }
  EXPECT_GT(found, 0u);
  EXPECT_GT(lost, 0u);
}

TEST(unwind_cache_test, packs_plain_rows_only) {
  frame_row row;
  row.cfa_register = dwarf_sp;
  row.cfa_offset = 4096;
  row.rules[tracked_ra] = {rule_kind::saved, -8, {}};
  row.rules[tracked_fp] = {rule_kind::saved, -16, {}};
  packed_rule rule;
  ASSERT_TRUE(pack(row, rule));
  EXPECT_EQ(rule.from, cfa_base::sp);
  EXPECT_EQ(rule.cfa_offset, 4096);
  EXPECT_EQ(rule.ra, -1);
  EXPECT_EQ(rule.fp, -2);
  EXPECT_EQ(rule.base, packed_rule::unsaved);

  frame_row far = row;
  far.cfa_offset = std::int64_t{1} << 30;
  EXPECT_FALSE(pack(far, rule));
  frame_row odd = row;
  odd.rules[tracked_fp].offset = -12;
  EXPECT_FALSE(pack(odd, rule));
  frame_row other = row;
  other.cfa_register = 12;
  EXPECT_FALSE(pack(other, rule));

  const std::byte load[] = {std::byte(0x70 + dwarf_fp), std::byte{0x78}, std::byte{0x06}};
  frame_row aligned = row;
  aligned.cfa_expression = {load, sizeof load};
  ASSERT_TRUE(pack(aligned, rule));
  EXPECT_EQ(rule.from, cfa_base::fp);
  EXPECT_EQ(rule.load, 1u);
  EXPECT_EQ(rule.cfa_offset, -8);
}

TEST(unwind_cache_test, finds_what_was_put_in_and_nothing_else) {
  constexpr std::uint64_t first = 0x7000000000000001u;
  for (std::uint64_t key = first; key < first + 50000; ++key) {
    packed_rule rule;
    EXPECT_FALSE(cache_find(key, rule));
    rule.cfa_offset = static_cast<std::int64_t>(key & 0xfff);
    cache_insert(key, rule);
    packed_rule found;
    ASSERT_TRUE(cache_find(key, found));
    EXPECT_EQ(found.cfa_offset, rule.cfa_offset);
  }
  for (std::uint64_t key = first; key < first + 50000; ++key) {
    packed_rule found;
    if (!cache_find(key, found)) continue;
    ASSERT_EQ(found.cfa_offset, static_cast<std::int64_t>(key & 0xfff));
  }
}

}  // namespace
}  // namespace taut::rt
