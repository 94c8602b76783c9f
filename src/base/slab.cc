// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  release of the chunk count after the chunk's bounds are written. Pairs with MO-2.
//   MO-2  acquire by readers of the bounds. Pairs with MO-1.
#include "base/slab.h"

#include <sys/mman.h>

#include <atomic>
#include <bit>

#include "base/handoff.h"
#include "base/lock.h"
#include "base/memory_root.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr int least_shift = 6;  // 64 bytes
constexpr int most_shift = 16;  // 64 KiB
constexpr int classes = most_shift - least_shift + 1;
constexpr std::size_t chunk_size = std::size_t{1} << 20;

struct free_block {
  free_block* next;
};

struct size_class {
  lock guard{rank::registry};
  free_block* free = nullptr;
  std::byte* unused = nullptr;
  std::byte* unused_end = nullptr;
};
size_class the_classes[classes];

struct bounds {
  std::uintptr_t low, size;
};
constexpr int max_chunks = 65536;
bounds chunks[max_chunks];
std::atomic<int> chunk_count{0};
lock chunk_lock{rank::stacks};

int class_of(std::size_t size) noexcept {
  if (size <= (std::size_t{1} << least_shift)) return 0;
  return std::bit_width(size - 1) - least_shift;
}

void* map(std::size_t size) noexcept {
  unseen_section unseen;
  void* p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

}  // namespace

void* slab_take(std::size_t size) noexcept {
  const int c = class_of(size);
  if (c >= classes) return map(size);
  size_class& s = the_classes[c];
  const std::size_t block = std::size_t{1} << (c + least_shift);
  hold h(s.guard);
  if (free_block* b = s.free) {
    s.free = b->next;
    accept_handoff(b);
    return b;
  }
  if (s.unused == s.unused_end) {
    void* p = map(chunk_size);
    if (p == nullptr) return nullptr;
    remember_root(p, chunk_size);
    s.unused = static_cast<std::byte*>(p);
    s.unused_end = s.unused + chunk_size;
    hold hc(chunk_lock);
    const int n = chunk_count.load();
    if (n < max_chunks) {
      chunks[n] = {reinterpret_cast<std::uintptr_t>(p), chunk_size};
      chunk_count.store(n + 1, std::memory_order_release);  // MO-1
    }
  }
  void* p = s.unused;
  s.unused += block;
  return p;
}

void slab_give(void* block, std::size_t size) noexcept {
  const int c = class_of(size);
  if (c >= classes) {
    ::munmap(block, size);
    return;
  }
  size_class& s = the_classes[c];
  announce_handoff(block);
  hold h(s.guard);
  auto* b = static_cast<free_block*>(block);
  b->next = s.free;
  s.free = b;
}

bool slab_contains(std::uintptr_t address) noexcept {
  const int n = chunk_count.load(std::memory_order_acquire);  // MO-2
  for (int i = 0; i < n; ++i) {
    if (address - chunks[i].low < chunks[i].size) return true;
  }
  return false;
}

}  // namespace rt
TAUT_END_NAMESPACE
