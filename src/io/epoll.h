// SPDX-License-Identifier: Apache-2.0
// The one epoll instance of the process, behind sched/poller.h.
#pragma once

#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Starts the runtime and the poller unless they run. False when the system refuses: no descriptors,
// no memory.
bool ensure_poller() noexcept;
// Adds fd, edge-triggered, for everything that poll_fd.h knows. 0 or -errno. After ensure_poller().
int epoll_watch(int fd, std::uint64_t tag) noexcept;
int epoll_descriptor() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
