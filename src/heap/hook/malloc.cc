// SPDX-License-Identifier: Apache-2.0
// malloc() and its relatives, in front of glibc's. Not a part of the library: the target taut_heap,
// for programs that want heap profiles.
//
// Cost of what is not sampled: an allocation subtracts from a counter of the thread's and tests the
// borrow; a deallocation hashes the address and tests a bit of a table of 32 KiB. Memory comes from
// glibc's own functions, so that a block may be freed by whoever does not come by here.
//
// A block's bytes count when it is allocated; of realloc() all of the new size, as if the block had
// been copied by hand.
//
// The thread's counter is a thread_local outside src/sched/current.cc. That is right for it: these
// functions never switch goroutines, so no address of it is kept across a switch; they are called
// by name from other files and never inlined.
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/annotations.h"
#include "heap/entry.h"

#if !defined(__GLIBC__)
#error "taut::heap forwards to glibc's allocator; link without it"
#endif

// A sanitizer has an allocator of its own, and finds more than samples do.
#if !defined(TAUT_ASAN) && !defined(TAUT_TSAN)

extern "C" {

void* __libc_malloc(size_t) noexcept;
void* __libc_calloc(size_t, size_t) noexcept;
void* __libc_realloc(void*, size_t) noexcept;
void* __libc_memalign(size_t, size_t) noexcept;
void __libc_free(void*) noexcept;

static __thread taut_heap_thread this_thread __attribute__((tls_model("initial-exec")));
}

namespace {

// Lowers what is left by n; true: the sampler must be asked.
TAUT_ALWAYS_INLINE bool uses_up(size_t n) noexcept {
  return TAUT_UNLIKELY(__builtin_sub_overflow(this_thread.left, n, &this_thread.left));
}

TAUT_COLD void* allocated(void* block, size_t n, const void* caller) noexcept {
  taut_heap_allocated(&this_thread, block, n, caller);
  return block;
}

TAUT_COLD void freed(void* block) noexcept {
  taut_heap_block was;
  taut_heap_freed(&this_thread, block, &was);
  __libc_free(block);
}

TAUT_COLD void* asked(void* block, size_t n, const void* caller) noexcept {
  return allocated(block, n, caller);
}

TAUT_COLD void* moved(void* block, size_t n, const void* caller) noexcept {
  taut_heap_block was;
  taut_heap_freed(&this_thread, block, &was);
  void* now = __libc_realloc(block, n);
  // Of size 0 it frees and returns null.
  if (now == nullptr && n != 0) {
    taut_heap_kept(&this_thread, block, &was);
    return nullptr;
  }
  return uses_up(n) ? allocated(now, n, caller) : now;
}

bool is_power_of_two(size_t n) noexcept { return n != 0 && (n & (n - 1)) == 0; }

TAUT_ALWAYS_INLINE void* aligned(size_t alignment, size_t n, const void* caller) noexcept {
  void* block = __libc_memalign(alignment, n);
  return uses_up(n) ? allocated(block, n, caller) : block;
}

taut_heap_thread* thread_of_caller() noexcept { return &this_thread; }

// After the C library's own; before objects of static duration are made.
__attribute__((constructor(101))) void start() noexcept { taut_heap_start(thread_of_caller); }

}  // namespace

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

extern "C" {

TAUT_API void* malloc(size_t n) noexcept {
  if (uses_up(n)) return asked(__libc_malloc(n), n, CALLER);
  return __libc_malloc(n);
}

TAUT_API void free(void* block) noexcept {
  if (TAUT_UNLIKELY(taut::rt::may_be_sampled(block))) return freed(block);
  __libc_free(block);
}

TAUT_API void* calloc(size_t count, size_t size) noexcept {
  size_t n;
  if (TAUT_UNLIKELY(__builtin_mul_overflow(count, size, &n))) return __libc_calloc(count, size);
  if (uses_up(n)) return asked(__libc_calloc(count, size), n, CALLER);
  return __libc_calloc(count, size);
}

TAUT_API void* realloc(void* block, size_t n) noexcept {
  if (TAUT_UNLIKELY(taut::rt::may_be_sampled(block))) return moved(block, n, CALLER);
  if (uses_up(n)) return asked(__libc_realloc(block, n), n, CALLER);
  return __libc_realloc(block, n);
}

TAUT_API void* memalign(size_t alignment, size_t n) noexcept {
  return aligned(alignment, n, CALLER);
}

TAUT_API void* aligned_alloc(size_t alignment, size_t n) noexcept {
  return aligned(alignment, n, CALLER);
}

TAUT_API int posix_memalign(void** to, size_t alignment, size_t n) noexcept {
  if (!is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int error = errno;
  void* block = aligned(alignment, n, CALLER);
  errno = error;
  if (block == nullptr) return ENOMEM;
  *to = block;
  return 0;
}
}

#endif
