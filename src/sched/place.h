// SPDX-License-Identifier: Apache-2.0
// Where another thread of this process is: its return addresses, read by sending it a signal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct goroutine;
struct worker;

// Writes the return addresses of a thread, leaf first; returns how many. 0: it runs another
// goroutine than `wanted` (null: any), or did not answer, which `silent` says (null: no matter): it
// has signals blocked, or is stuck in the kernel. One that only waits for a processor is given some
// scheduling slices of time. From any thread that may sleep.
std::size_t frames_of_thread(int tid, const goroutine* wanted, std::uintptr_t* frames,
                             std::size_t limit, bool* silent = nullptr) noexcept;

// The same of a thread that sleeps in the kernel and runs g, without a signal, which might end its
// call: from what /proc says of it. Where frames are found by frame pointers only, the frames end
// at the one that made the call. 0: it does not sleep, or /proc does not say. Takes no lock and
// allocates nothing: good for a process that dies.
std::size_t frames_of_sleeping_thread(int tid, const goroutine& g, std::uintptr_t* frames,
                                      std::size_t limit) noexcept;

// Where goroutine g, numbered id, is while w runs it: all of them as return addresses. 0: it does
// not run there (any more), or its thread cannot be looked at. `silent` counts the threads that did
// not answer; each costs some milliseconds. A sleeping thread is not disturbed.
std::size_t frames_of_running(const worker& w, const goroutine& g, std::uint64_t id,
                              std::uintptr_t* frames, std::size_t limit, int& silent) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
