// SPDX-License-Identifier: Apache-2.0
#include "diag/safe_memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

TAUT_BEGIN_NAMESPACE
namespace rt {

bool read_memory(const void* from, void* to, std::size_t bytes) noexcept {
  const int saved_errno = errno;
  const iovec here{to, bytes}, there{const_cast<void*>(from), bytes};
  auto got = ::process_vm_readv(::getpid(), &here, 1, &there, 1, 0);
  if (got < 0 && (errno == ENOSYS || errno == EPERM)) {
    // Some sandboxes forbid the call, even on oneself.
    const int fd = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      got = ::pread(fd, to, bytes, static_cast<off_t>(reinterpret_cast<std::uintptr_t>(from)));
      ::close(fd);
    }
  }
  errno = saved_errno;
  return got == static_cast<ssize_t>(bytes);
}

std::string read_text(const char* from) {
  if (from == nullptr) return {};
  char text[256];
  std::size_t have = 0;
  while (have < sizeof text - 1) {
    // Never across a page at once: the next one may not be there.
    const std::size_t page_left = 4096 - (reinterpret_cast<std::uintptr_t>(from) + have) % 4096;
    const std::size_t n = std::min(page_left, sizeof text - 1 - have);
    if (!read_memory(from + have, text + have, n)) break;
    if (const void* end = std::memchr(text + have, 0, n)) {
      return std::string(text, static_cast<std::size_t>(static_cast<const char*>(end) - text));
    }
    have += n;
  }
  return std::string(text, have);
}

}  // namespace rt
TAUT_END_NAMESPACE
