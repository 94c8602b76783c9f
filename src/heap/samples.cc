// SPDX-License-Identifier: Apache-2.0
// Two hash tables that never ask an allocator.
//
// Blocks: chains of nodes, one chain for each bit of taut_heap_filter; a bit is set exactly while
// its chain has a node. Nodes are recycled, their memory is never given back, so that a reader may
// walk a chain that changes: it then learns from version_ that what it saw means nothing.
// Places: chains, too, in memory that only grows. Both are bounded.
//
// Invariants
//   A node's block is in no other node: a block that is added again was freed by somebody who does
//   not pass the hook, and is counted so.
//   Whoever frees a block is the only one who may take it out, so a walk that was not disturbed and
//   did not find it is an answer.
//
// Memory order
//   All is sequentially consistent: these are paths that are taken once for a sample.
#include "heap/samples.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

std::atomic<std::uint64_t> taut_heap_filter[(1u << taut_heap_filter_bits) / 64];

TAUT_BEGIN_NAMESPACE
namespace rt {

struct heap_samples::node {
  std::atomic<const void*> block;
  std::atomic<std::uint32_t> next;  // index + 1
  heap_place* place;
  std::uint64_t size;
};

namespace {

constexpr std::size_t chunk_nodes = 4096;
constexpr std::size_t chunk_bytes = std::size_t{256} << 10;
constexpr std::size_t place_slots = 1 << 14;
constexpr int longest_walk = 64;

void* map_memory(std::size_t size) noexcept {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

std::uint64_t hash_of(std::uint64_t block_size, std::span<const std::uintptr_t> frames) noexcept {
  std::uint64_t h = block_size;
  for (const std::uintptr_t pc : frames) {
    h = (h ^ pc) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
  }
  return h;
}

}  // namespace

// Everything of fixed size, at the first sample.
bool heap_samples::prepare() noexcept {
  if (heads_ != nullptr) return true;
  constexpr std::size_t heads = std::size_t{1} << taut_heap_filter_bits;
  constexpr std::size_t head_bytes = heads * sizeof *heads_;
  constexpr std::size_t slot_bytes = place_slots * sizeof *slots_;
  const std::size_t directory = (most_blocks_ + chunk_nodes - 1) / chunk_nodes * sizeof *chunks_;
  auto* memory = static_cast<std::byte*>(map_memory(head_bytes + slot_bytes + directory));
  if (memory == nullptr) return false;
  // Zero pages are valid objects of these types.
  slots_ = reinterpret_cast<heap_place**>(memory + head_bytes);
  chunks_ = reinterpret_cast<std::atomic<node*>*>(memory + head_bytes + slot_bytes);
  heads_ = reinterpret_cast<std::atomic<std::uint32_t>*>(memory);
  return true;
}

heap_samples::node* heap_samples::node_at(std::uint32_t index) const noexcept {
  return chunks_[index / chunk_nodes].load() + index % chunk_nodes;
}

// Index + 1 of a node that is in no chain; 0: there are as many as there may be.
std::uint32_t heap_samples::free_node() noexcept {
  if (free_nodes_ != 0) {
    const std::uint32_t found = free_nodes_;
    free_nodes_ = node_at(found - 1)->next;
    return found;
  }
  if (nodes_made_ == most_blocks_) return 0;
  auto& chunk = chunks_[nodes_made_ / chunk_nodes];
  if (chunk.load() == nullptr) {
    void* memory = map_memory(chunk_nodes * sizeof(node));
    if (memory == nullptr) return 0;
    chunk = new (memory) node[chunk_nodes];
  }
  return ++nodes_made_;
}

void* heap_samples::allocate(std::size_t bytes) noexcept {
  if (bytes > chunk_left_) {
    if (place_bytes_ + chunk_bytes > most_place_bytes_) return nullptr;
    void* memory = map_memory(chunk_bytes);
    if (memory == nullptr) return nullptr;
    chunk_ = static_cast<std::byte*>(memory);
    chunk_left_ = chunk_bytes;
    place_bytes_ += chunk_bytes;
  }
  void* result = chunk_;
  chunk_ += bytes;
  chunk_left_ -= bytes;
  return result;
}

heap_place* heap_samples::find_or_make(std::uint64_t block_size,
                                       std::span<const std::uintptr_t> frames) noexcept {
  const std::uint64_t hash = hash_of(block_size, frames);
  heap_place*& slot = slots_[hash % place_slots];
  for (heap_place* p = slot; p != nullptr; p = p->next_equal) {
    if (p->hash == hash && p->block_size == block_size &&
        std::ranges::equal(std::as_const(*p).frames(), frames))
      return p;
  }
  void* memory = allocate(sizeof(heap_place) + frames.size_bytes());
  if (memory == nullptr) return nullptr;
  auto* made = new (memory) heap_place{.next = places_.load(),
                                       .next_equal = slot,
                                       .hash = hash,
                                       .block_size = block_size,
                                       .frame_count = static_cast<std::uint32_t>(frames.size()),
                                       .allocated = 0,
                                       .allocated_bytes = 0,
                                       .freed = 0,
                                       .freed_bytes = 0};
  std::ranges::copy(frames, made->frames());
  slot = made;
  places_ = made;
  ++place_count_;
  return made;
}

bool heap_samples::insert(const void* block, const heap_sample& s) noexcept {
  const std::uint32_t index = free_node();
  if (index == 0) return false;
  const std::uint32_t hash = heap_hash(block);
  node* n = node_at(index - 1);
  ++version_;
  n->block = block;
  n->place = s.place;
  n->size = s.size;
  n->next = heads_[hash].load();
  heads_[hash] = index;
  filter_[hash / 64].fetch_or(std::uint64_t{1} << (hash % 64));
  ++version_;
  return true;
}

bool heap_samples::add(const void* block, std::uint64_t size,
                       std::span<const std::uintptr_t> frames, std::uintptr_t unknown) noexcept {
  if (!prepare()) return false;
  take(block);
  const std::uint64_t size_class = size_class_of(size);
  heap_place* place = find_or_make(size_class, frames.first(std::min(frames.size(), most_frames)));
  if (place == nullptr) {
    ++without_stack;
    place = find_or_make(size_class, {&unknown, 1});
  }
  if (place == nullptr) return false;
  ++place->allocated;
  place->allocated_bytes += size;
  if (!insert(block, {place, size})) {
    ++without_block;
    ++place->freed;
    place->freed_bytes += size;
  }
  return true;
}

heap_sample heap_samples::take(const void* block) noexcept {
  if (heads_ == nullptr) return {};
  const std::uint32_t hash = heap_hash(block);
  std::atomic<std::uint32_t>* link = &heads_[hash];
  for (std::uint32_t at; (at = *link) != 0;) {
    node* n = node_at(at - 1);
    if (n->block != block) {
      link = &n->next;
      continue;
    }
    const heap_sample taken{n->place, n->size};
    ++version_;
    *link = n->next.load();
    if (heads_[hash] == 0) filter_[hash / 64].fetch_and(~(std::uint64_t{1} << (hash % 64)));
    n->block = nullptr;
    n->next = free_nodes_;
    free_nodes_ = at;
    ++version_;
    ++taken.place->freed;
    taken.place->freed_bytes += taken.size;
    return taken;
  }
  return {};
}

void heap_samples::put_back(const void* block, const heap_sample& taken) noexcept {
  if (!insert(block, taken)) {
    ++without_block;
    return;
  }
  --taken.place->freed;
  taken.place->freed_bytes -= taken.size;
}

bool heap_samples::may_have(const void* block) const noexcept {
  const std::uint64_t before = version_;
  if (before % 2 != 0) return true;
  if (before == 0) return false;  // heads_ was set before it ever changed
  std::uint32_t at = heads_[heap_hash(block)];
  for (int steps = 0; at != 0; ++steps) {
    if (steps == longest_walk) return true;
    const node* n = node_at(at - 1);
    if (n->block == block) return true;
    at = n->next;
  }
  return version_ != before;
}

}  // namespace rt
TAUT_END_NAMESPACE
