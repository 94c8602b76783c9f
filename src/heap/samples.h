// SPDX-License-Identifier: Apache-2.0
// The sampled blocks that are in use, and what was sampled at each place: tables in memory of their
// own, for whoever asks is inside an allocation.
//
// A place is a stack with a size class, as in Go, so that the scale of its samples is exact to an
// eighth. Places are never removed; what is read of them needs no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "heap/entry.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct heap_place {
  heap_place* next;        // of all, newest first
  heap_place* next_equal;  // of those in the same slot
  std::uint64_t hash;
  std::uint64_t block_size;  // the class's largest
  std::uint32_t frame_count;
  // Freed counts are read before allocated ones: what is in use is never negative.
  std::atomic<std::uint64_t> allocated, allocated_bytes, freed, freed_bytes;

  std::uintptr_t* frames() noexcept { return reinterpret_cast<std::uintptr_t*>(this + 1); }
  std::span<const std::uintptr_t> frames() const noexcept {
    return {reinterpret_cast<const std::uintptr_t*>(this + 1), frame_count};
  }
};

// A block that was taken out of the table.
struct heap_sample {
  heap_place* place = nullptr;  // null: it was not in it
  std::uint64_t size = 0;
};

// All but the readers need the lock; see sampler.cc, which holds it.
class heap_samples {
 public:
  static constexpr std::size_t most_frames = 128;
  using filter_word = std::atomic<std::uint64_t>;

  // filter: as taut_heap_filter, all zero. The bounds of the two tables: whole chunks are mapped.
  constexpr explicit heap_samples(filter_word* filter,
                                  std::size_t most_place_bytes = std::size_t{128} << 20,
                                  std::size_t most_blocks = std::size_t{1} << 22) noexcept
      : filter_(filter), most_place_bytes_(most_place_bytes), most_blocks_(most_blocks) {}

  // Counts an allocation; false: not even one with `unknown` as its stack could be kept.
  bool add(const void* block, std::uint64_t size, std::span<const std::uintptr_t> frames,
           std::uintptr_t unknown) noexcept;
  // Counts a deallocation.
  heap_sample take(const void* block) noexcept;
  // After take(): it was not freed after all.
  void put_back(const void* block, const heap_sample& taken) noexcept;

  // ---- without the lock
  // False: the block is not in the table. True if it is, or to find out the lock is needed.
  bool may_have(const void* block) const noexcept;
  const heap_place* places() const noexcept { return places_.load(); }
  std::uint64_t place_count() const noexcept { return place_count_.load(); }

  std::atomic<std::uint64_t> without_stack{0}, without_block{0};

 private:
  struct node;

  filter_word* const filter_;
  const std::size_t most_place_bytes_, most_blocks_;

  node* node_at(std::uint32_t index) const noexcept;
  heap_place* find_or_make(std::uint64_t block_size,
                           std::span<const std::uintptr_t> frames) noexcept;
  bool insert(const void* block, const heap_sample& s) noexcept;
  std::uint32_t free_node() noexcept;
  bool prepare() noexcept;
  void* allocate(std::size_t bytes) noexcept;

  std::atomic<std::uint64_t> version_{0};  // odd while chains change
  std::atomic<heap_place*> places_{nullptr};
  std::atomic<std::uint64_t> place_count_{0};
  std::atomic<std::uint32_t>* heads_ = nullptr;  // by heap_hash(): index of a node + 1
  heap_place** slots_ = nullptr;
  std::atomic<node*>* chunks_ = nullptr;  // of nodes
  std::uint32_t nodes_made_ = 0;
  std::uint32_t free_nodes_ = 0;  // index + 1
  std::byte* chunk_ = nullptr;    // where places are made
  std::size_t chunk_left_ = 0;
  std::size_t place_bytes_ = 0;
};

// The upper bound of a size's class: multiples of 16 to 256, then four classes for each doubling.
constexpr std::uint64_t size_class_of(std::uint64_t size) noexcept {
  if (size <= 256) return size <= 16 ? 16 : (size + 15) / 16 * 16;
  if (size > std::uint64_t{1} << 62) return size;
  std::uint64_t step = 64;
  while (step * 8 < size) step *= 2;
  return (size + step - 1) / step * step;
}

}  // namespace rt
TAUT_END_NAMESPACE
