// SPDX-License-Identifier: Apache-2.0
// Clang's thread-safety attributes, and the small compiler hints the sources share. Empty
// elsewhere.
#pragma once

#if defined(__clang__)
#define TAUT_ATTRIBUTE(x) __attribute__((x))
#else
#define TAUT_ATTRIBUTE(x)
#endif

#define TAUT_CAPABILITY(x) TAUT_ATTRIBUTE(capability(x))
#define TAUT_SCOPED_CAPABILITY TAUT_ATTRIBUTE(scoped_lockable)
#define TAUT_GUARDED_BY(x) TAUT_ATTRIBUTE(guarded_by(x))
#define TAUT_REQUIRES(...) TAUT_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TAUT_ACQUIRE(...) TAUT_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TAUT_TRY_ACQUIRE(...) TAUT_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define TAUT_RELEASE(...) TAUT_ATTRIBUTE(release_capability(__VA_ARGS__))
// For a function whose locks the analysis cannot follow: what it calls releases them when it did
// the operation, or the code after a switch does, or there are as many as a list is long.
#define TAUT_LOCKS_BY_HAND TAUT_ATTRIBUTE(no_thread_safety_analysis)

#define TAUT_NO_SANITIZE __attribute__((no_sanitize("address", "thread", "undefined")))
#define TAUT_NOINLINE __attribute__((noinline))
#define TAUT_ALWAYS_INLINE inline __attribute__((always_inline))
#define TAUT_COLD __attribute__((cold, noinline))
#define TAUT_LIKELY(x) __builtin_expect(!!(x), 1)
#define TAUT_UNLIKELY(x) __builtin_expect(!!(x), 0)
