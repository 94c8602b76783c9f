// SPDX-License-Identifier: Apache-2.0
// What the allocation functions of hook/malloc.cc share with the sampler, which is in the library:
// C names, because the library that is linked to a program and the hook beside it may be two shared
// objects.
//
// Memory order
//   MO-1  relaxed: whoever frees a block got its address from the thread that allocated it, and
//         with it, by whatever orders the two, the bit that was set before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/annotations.h"
#include "taut/export.h"

extern "C" {

// One for each thread, zero at its start; in the hook, since the fast path addresses it directly.
struct taut_heap_thread {
  std::uint64_t left;    // bytes that may still be allocated before the sampler is asked
  std::uint64_t random;  // state of the generator; 0: the thread has never asked
  bool sample_next;      // when `left` is used up the gap between two samples is; else only look
  bool busy;     // in the sampler: what it allocates or a signal handler does is not sampled
  bool forking;  // between fork's handlers, with the tables' lock held
};

// A sampled block after it was freed.
struct taut_heap_block {
  void* place;  // null: it was not sampled
  std::uint64_t size;
};

// Which blocks may be sampled: a bit by hash, set if some live sample has that hash.
constexpr unsigned taut_heap_filter_bits = 18;
TAUT_API extern std::atomic<std::uint64_t> taut_heap_filter[(1u << taut_heap_filter_bits) / 64];

// The block of n bytes was just allocated, and n was more than t->left, which has been lowered by
// n. block may be null: there was no memory. Keeps errno.
TAUT_API void taut_heap_allocated(taut_heap_thread* t, void* block, std::size_t n,
                                  const void* caller) noexcept;
// The block is about to be freed. Keeps errno, as the next.
TAUT_API void taut_heap_freed(taut_heap_thread* t, void* block, taut_heap_block* was) noexcept;
// It was not, for realloc() failed.
TAUT_API void taut_heap_kept(taut_heap_thread* t, void* block, const taut_heap_block* was) noexcept;
// The program has the hook: makes stacks readable and prepares for fork.
TAUT_API void taut_heap_start(taut_heap_thread* (*of_caller)()) noexcept;
}

TAUT_BEGIN_NAMESPACE
namespace rt {

TAUT_ALWAYS_INLINE std::uint32_t heap_hash(const void* block) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  return static_cast<std::uint32_t>((address * 0x9e3779b97f4a7c15u) >>
                                    (64 - taut_heap_filter_bits));
}

TAUT_ALWAYS_INLINE bool may_be_sampled(const void* block) noexcept {
  const std::uint32_t bit = heap_hash(block);
  return (taut_heap_filter[bit / 64].load(std::memory_order_relaxed) >> (bit % 64) & 1) !=  // MO-1
         0;
}

}  // namespace rt
TAUT_END_NAMESPACE
