// SPDX-License-Identifier: Apache-2.0
// Slabs of guarded stacks.
//
// A slab is one mapping of `count` slots; each slot is one guard page below `size` bytes of stack.
// Only touched pages cost memory. A guard is a MADV_GUARD_INSTALL marker (Linux 6.13: 0.6 us, no
// mapping of its own, so a million fit the default vm.max_map_count), or before that an mprotect'ed
// page from a budget of half that limit. A stack is never handed out without its guard.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

inline constexpr std::size_t page_size = 4096;

struct stack_slab {
  std::byte* base = nullptr;
  std::size_t stack_size = 0;  // without the guard
  std::size_t count = 0;

  std::size_t stride() const noexcept { return stack_size + page_size; }
  std::byte* low(std::size_t i) const noexcept { return base + i * stride() + page_size; }
  std::byte* high(std::size_t i) const noexcept { return base + (i + 1) * stride(); }
  bool contains(std::uintptr_t address) const noexcept {
    return address - reinterpret_cast<std::uintptr_t>(base) < count * stride();
  }
};

// Maps a slab; base is nullptr without address space.
stack_slab map_stacks(std::size_t stack_size, std::size_t count) noexcept;
void unmap_stacks(stack_slab& slab) noexcept;
// Installs the guards of `count` slots from slot `first` on and touches the highest page of each,
// for all of them at once where the kernel can (Linux 6.14; the rows parked_* of bench/). Returns
// how many, from the first on, have their guard; fewer when the kernel or the budget refuses.
std::size_t guard_stacks(const stack_slab& slab, std::size_t first, std::size_t count) noexcept;
// Gives the pages of slot i back to the kernel; the guard stays.
void release_stack(const stack_slab& slab, std::size_t i) noexcept;
// Bytes from the highest address down to the lowest touched page.
std::size_t touched_stack(const std::byte* low, const std::byte* high) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
