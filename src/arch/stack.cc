// SPDX-License-Identifier: Apache-2.0
// Memory order
//   MO-1  relaxed: a counter and a flag that several threads may find out at once; nothing is
//         ordered by them.
#include "arch/stack.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// Ranges of one call. The kernel takes 1024, and 16 bytes each are on the caller's stack.
constexpr std::size_t most_at_once = 64;

std::atomic<bool> markers_work{true};
std::atomic<bool> batches_work{true};
std::atomic<bool> batches_touch{true};

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

// madvise() on the page at distance `from_low` from each of these slots' lowest address. Returns
// for how many it was done, -1 when the kernel does not know this.
long advise_each(const stack_slab& slab, std::size_t first, std::size_t n, std::ptrdiff_t from_low,
                 int advice) noexcept {
  constexpr int pidfd_self = -10000;
  iovec pages[most_at_once];
  for (std::size_t i = 0; i < n; ++i) pages[i] = {slab.low(first + i) + from_low, page_size};
  const long bytes = ::syscall(SYS_process_madvise, pidfd_self, pages, n, advice, 0);
  if (bytes >= 0) return bytes / static_cast<long>(page_size);
  return errno == ENOMEM || errno == EAGAIN ? 0 : -1;
}

std::size_t advise_guards(const stack_slab& slab, std::size_t first, std::size_t n) noexcept {
  if (n < 2 || !batches_work.load(std::memory_order_relaxed)) return 0;  // MO-1
  const long done =
      advise_each(slab, first, n, -static_cast<std::ptrdiff_t>(page_size), MADV_GUARD_INSTALL);
  if (done < 0) batches_work.store(false, std::memory_order_relaxed);  // MO-1
  return done < 0 ? 0 : static_cast<std::size_t>(done);
}

// Saves the faults; when it cannot be done they come later.
void touch_tops(const stack_slab& slab, std::size_t first, std::size_t n) noexcept {
  if (!batches_touch.load(std::memory_order_relaxed)) return;  // MO-1
  const auto top = static_cast<std::ptrdiff_t>(slab.stack_size - page_size);
  if (advise_each(slab, first, n, top, MADV_POPULATE_WRITE) < 0)
    batches_touch.store(false, std::memory_order_relaxed);  // MO-1
}

bool guard_alone(const stack_slab& slab, std::size_t i) noexcept {
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

std::size_t guard_stacks(const stack_slab& slab, std::size_t first, std::size_t count) noexcept {
  std::size_t done = 0;
  while (done < count) {
    const std::size_t wanted = std::min(count - done, most_at_once);
    const std::size_t n = advise_guards(slab, first + done, wanted);
    if (n == 0) break;
    touch_tops(slab, first + done, n);
    done += n;
  }
  while (done < count && guard_alone(slab, first + done)) ++done;
  return done;
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
