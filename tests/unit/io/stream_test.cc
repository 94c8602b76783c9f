// SPDX-License-Identifier: Apache-2.0
// Byte streams: what reads and writes promise, whatever the descriptor is.
#include "taut/stream.h"

#include <array>
#include <span>
#include <string>
#include <utility>

#include "support/fixture.h"
#include "taut/context.h"
#include "taut/io.h"
#include "taut/net.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

RUNTIME_TEST(stream, read_full_is_short_only_at_the_end) {
  auto [reader, writer] = make_pipe().value();
  ASSERT_TRUE(writer.write_all("abc"));
  ASSERT_TRUE(writer.write_all("de"));
  writer.close();
  std::array<char, 4> four{};
  EXPECT_EQ(reader.read_full(four).value(), 4u);
  EXPECT_EQ(std::string(four.data(), 4), "abcd");
  EXPECT_EQ(reader.read_full(four).value(), 1u);
  EXPECT_EQ(four[0], 'e');
  EXPECT_EQ(reader.read_some(four).value(), 0u);
}

RUNTIME_TEST(stream, parts_are_gathered_in_order) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  conn out = dial("tcp", l.addr()).value();
  conn in = l.accept().value();
  const std::string head = "head ", tail = "tail";
  const std::array<std::span<const std::byte>, 3> parts{
      std::as_bytes(std::span(head)), {}, std::as_bytes(std::span(tail))};
  EXPECT_EQ(out.write_some(parts).value(), 9u);
  std::string all(9, ' ');
  EXPECT_EQ(in.read_full(all).value(), 9u);
  EXPECT_EQ(all, "head tail");
}

RUNTIME_TEST(stream, a_passed_deadline_ends_reads_until_it_is_taken_back) {
  auto [reader, writer] = make_pipe().value();
  std::array<char, 1> one{};
  reader.set_read_deadline(now());
  EXPECT_EQ(reader.read_some(one).error(), errc::deadline_exceeded);
  reader.set_read_deadline({});
  ASSERT_TRUE(writer.write_all("x"));
  EXPECT_EQ(reader.read_some(one).value(), 1u);
}

RUNTIME_TEST(stream, a_given_context_ends_a_read_by_an_error) {
  auto ends = make_pipe().value();
  auto [ctx, cancel] = with_cancel(background());
  wait_group done;
  done.go([&ends, ctx = ctx] {
    std::array<char, 1> one{};
    EXPECT_EQ(ends.reader.read_some(ctx, one).error(), errc::canceled);
  });
  until_waiting(rt::wait_reason::io_wait);
  cancel();
  done.wait();
}

RUNTIME_TEST(stream, one_that_is_closed_or_was_moved_from_says_so) {
  auto [reader, writer] = make_pipe().value();
  fd_stream moved = std::move(reader);
  EXPECT_FALSE(reader);
  EXPECT_EQ(reader.fd(), -1);
  EXPECT_TRUE(moved);
  moved.close();
  moved.close();
  EXPECT_EQ(moved.fd(), -1);
  std::array<char, 1> one{};
  EXPECT_EQ(moved.read_some(one).error(), errc::closed);
  EXPECT_EQ(reader.read_some(one).error(), errc::closed);
  EXPECT_EQ(fd_stream().write_all("x").error(), errc::closed);
}

}  // namespace
}  // namespace taut::test
