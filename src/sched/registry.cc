// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  as in registry.h: publishes a complete slab.
//   MO-2  as in registry.h: reads the table.
#include "sched/registry.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "base/check.h"
#include "base/handoff.h"
#include "sched/contention.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::uint32_t most_slots = 16384;

void* map_private(std::size_t bytes) noexcept {
  unseen_section unseen;
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

}  // namespace

int stack_class_for(std::size_t size) noexcept {
  int c = 0;
  while (c < stack_classes && (least_stack << c) < size) ++c;
  return c < stack_classes ? c : -1;
}

goroutine_slab* registry::grow(pool& p, int stack_class) noexcept {
  const int n = slab_count_.load();
  if (n == max_slabs) return nullptr;
  const std::uint32_t count = p.next_count;
  const bool stacks = stack_class != no_stack_class;
  const std::size_t table = (count * sizeof(goroutine) + sizeof(goroutine_slab) + 63) / 64 * 64;
  void* memory = map_private(table);
  if (memory == nullptr) return nullptr;
  stack_slab s;
  if (stacks) {
    s = map_stacks(least_stack << stack_class, count);
    if (s.base == nullptr) {
      ::munmap(memory, table);
      return nullptr;
    }
  }
  auto* descriptors = static_cast<goroutine*>(memory);
  auto* slab = ::new (static_cast<void*>(descriptors + count)) goroutine_slab;
  slab->descriptors = descriptors;
  slab->stacks = s;
  slab->count = count;
  slab->first_slot = next_slot_;
  next_slot_ += count;
  slabs_[n].store(slab);
  slab_count_.store(n + 1, std::memory_order_release);  // MO-1
  p.newest = slab;
  p.next_count = std::min(count * 2, most_slots);
  return slab;
}

int registry::take_unused(pool& p, int stack_class, int wanted, goroutine**& end) noexcept {
  goroutine_slab* s = p.newest;
  if (s == nullptr || s->used.load() == s->count) s = grow(p, stack_class);
  if (s == nullptr) return 0;
  const std::uint32_t first = s->used.load();
  auto n = std::min(static_cast<std::uint32_t>(wanted), s->count - first);
  const bool stacks = stack_class != no_stack_class;
  if (stacks) n = static_cast<std::uint32_t>(guard_stacks(s->stacks, first, n));
  for (std::uint32_t i = first; i < first + n; ++i) {
    auto* g = ::new (static_cast<void*>(s->descriptors + i)) goroutine;
    g->slot = s->first_slot + i;
    g->stack_class = static_cast<std::uint8_t>(stack_class);
    if (stacks) {
      g->stack_low = s->stacks.low(i);
      g->stack_high = s->stacks.high(i);
    }
    *end = g;
    end = &g->next;
  }
  s->used.store(first + n);
  // In this order: who turns the profile on looks for descriptors afterwards.
  if (block_profile_rate.load() != 0) {
    for (std::uint32_t i = first; i < first + n; ++i) s->descriptors[i].parks_slowly.store(true);
  }
  return static_cast<int>(n);
}

goroutine* registry::take(int stack_class, int wanted, int& got) noexcept {
  hold h(lock_);
  pool& p = pools_[stack_class];
  goroutine* list = nullptr;
  goroutine** end = &list;
  for (got = 0; got < wanted; ++got) {
    goroutine* g = p.warm;
    if (g != nullptr) {
      p.warm = g->next;
      p.least_warm = std::min(p.least_warm, --p.warm_count);
    } else if ((g = p.cold) != nullptr) {
      p.cold = g->next;
      --p.cold_count;
    } else {
      break;
    }
    *end = g;
    end = &g->next;
  }
  while (got < wanted) {
    const int n = take_unused(p, stack_class, wanted - got, end);
    if (n == 0) break;
    got += n;
  }
  *end = nullptr;
  return list;
}

void registry::give(goroutine* list, int stack_class) noexcept {
  hold h(lock_);
  pool& p = pools_[stack_class];
  while (list != nullptr) {
    goroutine* g = list;
    list = g->next;
    g->next = p.warm;
    p.warm = g;
    ++p.warm_count;
  }
}

goroutine* registry::take_thread() noexcept {
  hold h(lock_);
  goroutine* g = threads_.warm;
  if (g != nullptr) {
    threads_.warm = g->next;
    return g;
  }
  goroutine** end = &g;
  if (take_unused(threads_, no_stack_class, 1, end) == 0) return nullptr;
  g->is_thread = true;
  g->parks_slowly.store(true);
  g->unusual.store(unusual::thread);
  g->next = nullptr;
  return g;
}

void registry::give_thread(goroutine* g) noexcept {
  hold h(lock_);
  g->next = threads_.warm;
  threads_.warm = g;
}

void registry::trim() noexcept {
  for (int c = 0; c < stack_classes; ++c) {
    goroutine* list = nullptr;
    {
      hold h(lock_);
      pool& p = pools_[c];
      // Of what nobody needed since the last look a part can go: bursts come back, and giving back
      // costs 1.3 us each and an interrupt of the other CPUs.
      std::size_t spare =
          p.least_warm > 64 ? std::min<std::size_t>((p.least_warm - 64) / 4 + 1, 8192) : 0;
      p.least_warm = p.warm_count - std::min(spare, p.warm_count);
      for (; spare > 0 && p.warm != nullptr; --spare) {
        goroutine* g = p.warm;
        p.warm = g->next;
        --p.warm_count;
        g->next = list;
        list = g;
      }
    }
    if (list == nullptr) continue;
    goroutine* last = list;
    std::size_t n = 0;
    for (goroutine* g = list; g != nullptr; g = g->next, ++n) {
      const stack_slab one{g->stack_low - page_size,
                           static_cast<std::size_t>(g->stack_high - g->stack_low), 1};
      release_stack(one, 0);
      last = g;
    }
    hold h(lock_);
    last->next = pools_[c].cold;
    pools_[c].cold = list;
    pools_[c].cold_count += n;
  }
}

const goroutine_slab* registry::find_stack(std::uintptr_t address) const noexcept {
  const int n = slab_count_.load(std::memory_order_acquire);  // MO-2
  for (int i = 0; i < n; ++i) {
    const goroutine_slab* s = slabs_[i].load();
    if (s->stacks.base != nullptr && s->stacks.contains(address)) return s;
  }
  return nullptr;
}

registry::counts registry::count() noexcept {
  hold h(lock_);
  counts c{0, 0, static_cast<std::size_t>(slab_count_.load())};
  for (const pool& p : pools_) {
    c.warm += p.warm_count;
    c.cold += p.cold_count;
  }
  return c;
}

// Never destroyed: late wakers and dumps of a dying process still read it.
registry& the_registry() noexcept {
  alignas(registry) static std::byte storage[sizeof(registry)];
  static registry* const instance = ::new (static_cast<void*>(storage)) registry;
  return *instance;
}

}  // namespace rt
TAUT_END_NAMESPACE
