// SPDX-License-Identifier: Apache-2.0
#include "arch/tls_range.h"

#include <link.h>
#include <pthread.h>

#include <algorithm>

#include "base/annotations.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// glibc's thread descriptor lies above the thread pointer; 2304 bytes on 2.36, rounded up
// generously: too large only forbids moves.
constexpr std::uintptr_t descriptor_size = 4096;

}  // namespace

tls_range measure_tls() noexcept {
  tls_range r;
  const auto self = reinterpret_cast<std::uintptr_t>(::pthread_self());
#if defined(__x86_64__)
  // Static TLS ends at the thread pointer, which is pthread_self().
  std::uintptr_t low = self, high = self + descriptor_size;
  // A thread's descriptor is the last thing in its stack's mapping. What lies behind is somebody
  // else's: often a slab, whose first block's address would pin every goroutine that uses it.
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
    void* base = nullptr;
    std::size_t size = 0;
    if (::pthread_attr_getstack(&attributes, &base, &size) == 0) {
      const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(base) + size;
      if (end > self && end < high) high = end;
    }
    ::pthread_attr_destroy(&attributes);
  }
#else
  // Variant 1: the descriptor lies below the thread pointer, static TLS above.
  std::uintptr_t low = self,
                 high = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer()) + 16;
#endif
  struct state {
    std::uintptr_t low, high;
    tls_range* r;
  } s{low, high, &r};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* p) {
        auto& st = *static_cast<state*>(p);
        if (info->dlpi_tls_data == nullptr) return 0;
        const auto at = reinterpret_cast<std::uintptr_t>(info->dlpi_tls_data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
          const std::uintptr_t size = info->dlpi_phdr[i].p_memsz;
          // Near the thread pointer: static. Elsewhere: a block of its own.
          constexpr std::uintptr_t near = std::uintptr_t{1} << 20;
          if (at + near > st.low && at < st.high + near) {
            st.low = std::min(st.low, at);
            st.high = std::max(st.high, at + size);
          } else if (st.r->extra_count < tls_range::max_extra) {
            st.r->extra[st.r->extra_count++] = {at, size};
          }
        }
        return 0;
      },
      &s);
  r.low = s.low;
  r.size = s.high - s.low;
  return r;
}

// Reads every word of a stack, dead slots and red zones too: nothing for a sanitizer to judge.
TAUT_NO_SANITIZE const std::uintptr_t* find_tls_pointer(const tls_range& range, const void* low,
                                                        const void* high) noexcept {
  const auto* at = static_cast<const std::uintptr_t*>(low);
  const auto* const end = static_cast<const std::uintptr_t*>(high);
  const std::uintptr_t from = range.low, size = range.size;
  if (range.extra_count == 0) {
    // Four words a step: this runs at every first switch of a goroutine on another worker.
    for (; end - at >= 4; at += 4) {
      const bool hit = (at[0] - from < size) | (at[1] - from < size) | (at[2] - from < size) |
                       (at[3] - from < size);
      if (__builtin_expect(hit, 0)) break;
    }
  }
  for (; at < end; ++at) {
    if (*at - from < size) return at;
    for (int i = 0; i < range.extra_count; ++i) {
      if (*at - range.extra[i].low < range.extra[i].size) return at;
    }
  }
  return nullptr;
}

}  // namespace rt
TAUT_END_NAMESPACE
