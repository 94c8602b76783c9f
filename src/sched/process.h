// SPDX-License-Identifier: Apache-2.0
// The runtime's place in the process: signals, an exception nobody catches, the end of main().
#pragma once

#include <cstddef>

#include "taut/export.h"
#include "taut/runtime.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct runtime_state;

// Installs, once: the terminate handler, SIGQUIT's handler when wanted, and the quieting of
// goroutines when the process exits.
void install_process_hooks(const options& wanted) noexcept;
// Memory of the runtime's own, outside the allocator.
void* map_runtime_memory(std::size_t bytes) noexcept;
// Forgets the goroutines that a stopped runtime left parked.
void abandon_goroutines(runtime_state& r) noexcept;
// True once per SIGQUIT; the watching thread asks.
bool take_quit_request() noexcept;
// Prints Go's text for a program in which nothing can run any more, and exits with status 2.
[[noreturn]] void die_of_deadlock(runtime_state& r) noexcept;
[[noreturn]] void die_of_quit() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
