// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  relaxed: a counter and a flag that several threads may find out at once; nothing is
//         ordered by them.
#include "arch/stack.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

std::atomic<bool> markers_work{true};

long map_budget() noexcept {
  long limit = 65530;
  const int fd = ::open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    char text[32] = {};
    if (::read(fd, text, sizeof text - 1) > 0) limit = std::strtol(text, nullptr, 10);
    ::close(fd);
  }
  return limit / 4;  // each guard splits a mapping into two; half the limit stays the program's
}

}  // namespace

stack_slab map_stacks(std::size_t stack_size, std::size_t count) noexcept {
  stack_slab slab{nullptr, stack_size, count};
  void* p = ::mmap(nullptr, count * slab.stride(), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (p == MAP_FAILED) return slab;
  // A huge page would make one touched stack cost 2 MiB.
  ::madvise(p, count * slab.stride(), MADV_NOHUGEPAGE);
  slab.base = static_cast<std::byte*>(p);
  return slab;
}

void unmap_stacks(stack_slab& slab) noexcept {
  ::munmap(slab.base, slab.count * slab.stride());
  slab.base = nullptr;
}

bool guard_stack(const stack_slab& slab, std::size_t i) noexcept {
  std::byte* guard = slab.low(i) - page_size;
  if (markers_work.load(std::memory_order_relaxed)) {  // MO-1
    if (::madvise(guard, page_size, MADV_GUARD_INSTALL) == 0) return true;
    if (errno != EINVAL) return false;
    markers_work.store(false, std::memory_order_relaxed);  // MO-1
  }
  static std::atomic<long> mprotect_left{map_budget()};
  if (mprotect_left.fetch_sub(1) <= 0) {
    mprotect_left.fetch_add(1);
    return false;
  }
  return ::mprotect(guard, page_size, PROT_NONE) == 0;
}

void release_stack(const stack_slab& slab, std::size_t i) noexcept {
  ::madvise(slab.low(i), slab.stack_size, MADV_DONTNEED);
}

std::size_t touched_stack(const std::byte* low, const std::byte* high) noexcept {
  unsigned char resident[64];
  for (const std::byte* at = low; at < high;) {
    std::size_t pages = static_cast<std::size_t>(high - at) / page_size;
    if (pages > sizeof resident) pages = sizeof resident;
    if (::mincore(const_cast<std::byte*>(at), pages * page_size, resident) != 0) return 0;
    for (std::size_t i = 0; i < pages; ++i) {
      if ((resident[i] & 1) != 0) return static_cast<std::size_t>(high - (at + i * page_size));
    }
    at += pages * page_size;
  }
  return 0;
}

}  // namespace rt
TAUT_END_NAMESPACE
