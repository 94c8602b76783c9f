// SPDX-License-Identifier: Apache-2.0
// Where another thread of this process is: its return addresses, read by sending it a signal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Writes the return addresses of a thread, leaf first; returns how many, 0 when it did not answer
// within some milliseconds (signals blocked, stuck in the kernel). One call at a time; from a
// thread of the runtime's own.
std::size_t frames_of_thread(int tid, std::uintptr_t* frames, std::size_t limit) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
