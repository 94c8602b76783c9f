// SPDX-License-Identifier: Apache-2.0
// Every lock of the runtime and the order between them. A cycle does not compile; builds with
// TAUT_CHECKS test each acquisition against what the thread holds.
#pragma once

#include <array>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

enum class rank : std::uint8_t {
  context,   // one context node; a parent before its child
  poll_fd,   // one descriptor's waiters
  timers,    // one worker's heap; callbacks run under it
  chan,      // one channel; several only in address order (select)
  sema,      // one bucket of the semaphore table
  sched,     // the idle list, the inject queue
  registry,  // slabs of goroutines and channels
  stacks,    // mapping and unmapping stacks
  count
};

struct before {
  rank a, b;  // b may be taken while a is held
};
inline constexpr before lock_order[] = {
    {rank::context, rank::timers}, {rank::context, rank::chan},    {rank::poll_fd, rank::sched},
    {rank::timers, rank::chan},    {rank::timers, rank::sema},     {rank::chan, rank::sched},
    {rank::sema, rank::sched},     {rank::sched, rank::registry},  {rank::registry, rank::stacks},
    {rank::timers, rank::poll_fd}, {rank::context, rank::poll_fd},
};

inline constexpr int ranks = static_cast<int>(rank::count);

// Element b: bit a is set when a may be held while b is taken.
consteval std::array<std::uint32_t, ranks> lock_order_closure() {
  std::array<std::uint32_t, ranks> may{};
  for (auto [a, b] : lock_order) may[static_cast<int>(b)] |= 1u << static_cast<int>(a);
  for (int k = 0; k < ranks; ++k)
    for (int i = 0; i < ranks; ++i)
      if (may[i] >> k & 1) may[i] |= may[k];
  return may;
}
inline constexpr auto may_hold = lock_order_closure();

consteval bool lock_order_acyclic() {
  for (int i = 0; i < ranks; ++i)
    if (may_hold[i] >> i & 1) return false;
  return true;
}
static_assert(lock_order_acyclic(), "lock_order has a cycle");

// Ranks of which one thread may hold several locks.
inline constexpr std::uint32_t may_nest =
    1u << static_cast<int>(rank::chan) | 1u << static_cast<int>(rank::context);

}  // namespace rt
TAUT_END_NAMESPACE
