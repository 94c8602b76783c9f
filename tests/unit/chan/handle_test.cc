// SPDX-License-Identifier: Apache-2.0
// Handles: counted per direction, validated by their own address, wiped when they die.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <ranges>

#include "base/slab.h"
#include "chan/chan_core.h"
#include "support/fixture.h"
#include "taut/chan.h"

namespace taut::test {
namespace {

using detail::receivers_of;
using detail::senders_of;

static_assert(std::ranges::input_range<recv_chan<int>>);
static_assert(std::ranges::input_range<const chan<int>>);
static_assert(
    std::sentinel_for<std::default_sentinel_t, decltype(std::declval<chan<int>&>().begin())>);
static_assert(std::is_nothrow_move_constructible_v<chan<int>> &&
              std::is_nothrow_destructible_v<chan<int>>);
static_assert(std::is_convertible_v<chan<int>, send_chan<int>> &&
              !std::is_convertible_v<send_chan<int>, chan<int>>);
static_assert(!std::is_convertible_v<send_chan<int>, recv_chan<int>>);

template <class Handle>
std::uint64_t handles(const Handle& h) {
  return h.handle().core()->handles.load();
}

TEST(handle, counts_each_direction) {
  chan<int> both(0);
  EXPECT_EQ(senders_of(handles(both)), 1u);
  EXPECT_EQ(receivers_of(handles(both)), 1u);
  {
    send_chan<int> out = both;
    recv_chan<int> in = both;
    recv_chan<int> in2 = in;
    EXPECT_EQ(senders_of(handles(both)), 2u);
    EXPECT_EQ(receivers_of(handles(both)), 3u);
    recv_chan<int> moved = std::move(in2);
    EXPECT_EQ(receivers_of(handles(both)), 3u);
    moved = recv_chan<int>();
    EXPECT_EQ(receivers_of(handles(both)), 2u);
    recv_chan<int>& alias = in;
    in = alias;  // to itself
    EXPECT_EQ(receivers_of(handles(both)), 2u);
  }
  EXPECT_EQ(senders_of(handles(both)), 1u);
  EXPECT_EQ(receivers_of(handles(both)), 1u);
}

TEST(handle, image_is_valid_only_where_it_lies_and_is_wiped) {
  alignas(chan<int>) unsigned char room[sizeof(chan<int>)] = {};
  auto* c = ::new (room) chan<int>(1);
  std::uintptr_t words[2];
  std::memcpy(words, room, sizeof words);
  EXPECT_EQ(words[0], reinterpret_cast<std::uintptr_t>(c->handle().core()));
  EXPECT_EQ(words[1], detail::handle_image::check_for(words[0], room));
  EXPECT_NE(words[1], detail::handle_image::check_for(words[0], room + 8));
  EXPECT_TRUE(rt::slab_contains(words[0]));
  c->~chan();
  asm volatile("" ::"r"(room) : "memory");
  std::memcpy(words, room, sizeof words);
  EXPECT_EQ(words[0], 0u);
  EXPECT_EQ(words[1], 0u);
}

TEST(handle, image_moves_with_it) {
  alignas(chan<int>) unsigned char from[sizeof(chan<int>)] = {};
  alignas(chan<int>) unsigned char to[sizeof(chan<int>)] = {};
  auto* c = ::new (from) chan<int>(1);
  auto* d = ::new (to) chan<int>(std::move(*c));
  EXPECT_FALSE(*c);  // NOLINT(bugprone-use-after-move)
  std::uintptr_t words[2];
  std::memcpy(words, from, sizeof words);
  EXPECT_EQ(words[0], 0u);
  EXPECT_EQ(words[1], 0u);
  std::memcpy(words, to, sizeof words);
  EXPECT_EQ(words[0], reinterpret_cast<std::uintptr_t>(d->handle().core()));
  EXPECT_EQ(words[1], detail::handle_image::check_for(words[0], to));
  d->~chan();
  c->~chan();
}

// No pointer is taken for a check: it is above all addresses where Linux maps stacks from the top.
TEST(handle, check_is_no_address) {
  chan<int> c(1);
  const auto at = reinterpret_cast<std::uintptr_t>(&c);
  const auto core = reinterpret_cast<std::uintptr_t>(c.handle().core());
  EXPECT_GT(detail::handle_image::check_for(core, &c), std::max(at, core) * 2);
#if defined(__x86_64__)
  EXPECT_GE(detail::handle_image::check_for(core, &c), std::uint64_t{1} << 47);
#endif
}

TEST(handle, a_freed_channel_has_none) {
  chan<int> c(4);
  detail::chan_core* core = c.handle().core();
  EXPECT_NE(core->handles.load(), 0u);
  c.reset();
  EXPECT_EQ(core->handles.load(), 0u);  // the block stays mapped
  EXPECT_FALSE(core->orphan);
}

}  // namespace
}  // namespace taut::test
