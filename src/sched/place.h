// SPDX-License-Identifier: Apache-2.0
// Where another thread of this process is: its return addresses, read by sending it a signal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct goroutine;

// Writes the return addresses of a thread, leaf first; returns how many, 0 when it did not answer
// within some milliseconds (signals blocked, stuck in the kernel). One call at a time; from a
// thread of the runtime's own.
std::size_t frames_of_thread(int tid, std::uintptr_t* frames, std::size_t limit) noexcept;

// The same of a thread that sleeps in the kernel and runs g, without a signal, which might end its
// call: from what /proc says of it. Where frames are found by frame pointers only, the frames end
// at the one that made the call. 0: it does not sleep, or /proc does not say.
std::size_t frames_of_sleeping_thread(int tid, const goroutine& g, std::uintptr_t* frames,
                                      std::size_t limit) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
