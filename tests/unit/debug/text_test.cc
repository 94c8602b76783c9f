// SPDX-License-Identifier: Apache-2.0
// Text as Go's packages write it.
#include "debug/text.h"

#include <gtest/gtest.h>

namespace taut::rt {
namespace {

TEST(text, quotes_as_go) {
  EXPECT_EQ(quoted("a b"), "\"a b\"");
  EXPECT_EQ(quoted("tab\tquote\"back\\"), "\"tab\\tquote\\\"back\\\\\"");
  EXPECT_EQ(quoted(std::string_view("\0\x7f\xff", 3)), "\"\\x00\\x7f\\xff\"");
  EXPECT_EQ(quoted("größe 世界"), "\"größe 世界\"");
  EXPECT_EQ(quoted("\xc2\xa0\xe2\x80\xa8"), "\"\\u00a0\\u2028\"");
  EXPECT_EQ(quoted("\xc0\xaf\xed\xa0\x80"), "\"\\xc0\\xaf\\xed\\xa0\\x80\"");
}

TEST(text, hexadecimal_and_html) {
  std::string text;
  append_hex(text, 0xdeadbeef);
  EXPECT_EQ(text, "0xdeadbeef");
  EXPECT_EQ(escaped_html("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&#34;");
}

// The widest cell of a run decides, rounded up past it; the last cell is in no column.
TEST(text, aligns_columns_by_tabs) {
  tab_columns lines;
  lines.add("#\t0x4f00e4\tmain.main.func23+0x24\tmain.go:48");
  lines.add("#\t0x4e328b\truntime/pprof.Do+0x8b\truntime.go:57");
  lines.add("#\t0x1\tf+0x1\tx.go:1");
  EXPECT_EQ(lines.take(),
            "#\t0x4f00e4\tmain.main.func23+0x24\tmain.go:48\n"
            "#\t0x4e328b\truntime/pprof.Do+0x8b\truntime.go:57\n"
            "#\t0x1\t\tf+0x1\t\t\tx.go:1\n");
}

TEST(text, a_line_without_the_cell_ends_the_column) {
  tab_columns lines;
  lines.add("a\tlong long long cell\tend");
  lines.add("b\tno column");
  lines.add("c\tx\tend");
  EXPECT_EQ(lines.take(), "a\tlong long long cell\tend\nb\tno column\nc\tx\tend\n");
}

TEST(text, counts_runes_not_bytes) {
  tab_columns lines;
  lines.add("ÄÖÜäöüß\tx");  // seven runes: eight columns
  lines.add("12345678\tx");
  EXPECT_EQ(lines.take(), "ÄÖÜäöüß\t\tx\n12345678\tx\n");
}

}  // namespace
}  // namespace taut::rt
