// SPDX-License-Identifier: Apache-2.0
// The calling goroutine's or thread's stack, as return addresses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Writes at most `limit`, leaf first, beginning in this function itself; returns how many. About
// 20 ns a frame for a goroutine. A thread first asks the C library where its stack ends, which
// takes the main thread a look into /proc.
std::size_t own_frames(std::uintptr_t* frames, std::size_t limit) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
