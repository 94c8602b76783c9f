// SPDX-License-Identifier: Apache-2.0
// Memory of the runtime's own objects that user code can reach only through handles: channels,
// their buffers, waiters, contexts.
//
// Blocks of one power-of-two size class, carved from private mappings that are never given back: a
// pointer to a freed block still points to a block of that class, so a late reader validates
// instead of faulting. Apart from the allocator, so that a leak scan can tell these blocks from the
// heap. Blocks above the largest class are mappings of their own.
//
// Locks         rank::registry, one per class.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// At least `size` bytes, 64-aligned for sizes of 64 and more; not cleared except on first use.
// nullptr without memory.
void* slab_take(std::size_t size) noexcept;
// `size` as it was asked for.
void slab_give(void* block, std::size_t size) noexcept;
// Whether the address lies in a slab; for scans and validation.
bool slab_contains(std::uintptr_t address) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
