// SPDX-License-Identifier: Apache-2.0
// What the erased channel needs to know of an element type: one constexpr table per type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

struct elem_ops {
  std::uint32_t size;  // 0 for an empty, trivial type: nothing is stored or copied
  std::uint32_t align;
  // Constructs *to from *from, which stays destructible. nullptr: copy the bytes.
  void (*move)(void* to, void* from) noexcept;
  // nullptr: nothing to destroy.
  void (*destroy)(void* element) noexcept;
};

template <class T>
inline constexpr elem_ops elem_ops_of = {
    std::is_empty_v<T> && std::is_trivially_copyable_v<T> ? 0
                                                          : static_cast<std::uint32_t>(sizeof(T)),
    static_cast<std::uint32_t>(alignof(T)),
    std::is_trivially_copyable_v<T>
        ? nullptr
        : +[](void* to, void* from) noexcept { ::new (to) T(std::move(*static_cast<T*>(from))); },
    std::is_trivially_destructible_v<T>
        ? nullptr
        : +[](void* element) noexcept { static_cast<T*>(element)->~T(); },
};

// Room for one T whose life the erased core begins.
template <class T>
struct elem_slot {
  elem_slot() noexcept {}  // nothing to clear
  alignas(T) std::byte bytes[sizeof(T)];
  T* get() noexcept { return std::launder(reinterpret_cast<T*>(bytes)); }
};

}  // namespace detail
TAUT_END_NAMESPACE
