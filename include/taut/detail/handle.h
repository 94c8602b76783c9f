// SPDX-License-Identifier: Apache-2.0
// The self-validating word pair behind every shared handle (channels, contexts).
//
// A handle image is {p, p + 8 * address of the handle + secret + tag}: a memory scan can tell
// a live handle from a stale or copied word, count them exactly, and see by the tag what the handle
// may do. Who ends a handle wipes both words, by stores that the optimizer may not drop.
#pragma once

#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

// Chosen at random when the library is loaded; a scan reads it to validate images.
TAUT_API extern std::uintptr_t handle_secret;

class handle_image {
 public:
  constexpr handle_image() noexcept = default;
  explicit handle_image(void* p, std::uintptr_t tag = 0) noexcept { set(p, tag); }
  handle_image(const handle_image&) = delete;
  handle_image& operator=(const handle_image&) = delete;
  ~handle_image() = default;  // its owner has wiped it

  void* get() const noexcept { return reinterpret_cast<void*>(word_); }
#if defined(TAUT_UNRECORDED)  // the build that measures what recording costs
  void set(void* p, std::uintptr_t = 0) noexcept {
    word_ = reinterpret_cast<std::uintptr_t>(p);
    check_ = 0;
  }
  void* wipe() noexcept {
    void* p = get();
    word_ = 0;
    return p;
  }
#else
  // Of null too: nobody looks at the check of a null word.
  void set(void* p, std::uintptr_t tag = 0) noexcept {
    word_ = reinterpret_cast<std::uintptr_t>(p);
    show(word_);  // in two steps: two plain stores are fewer instructions than one of both
    check_ = check_for(word_, this) + tag;  // a shift, an addition with the tag, and one more
    show(check_);
  }
  // wipe() returns the pointer and leaves no trace of it here.
  void* wipe() noexcept {
    void* p = get();
    word_ = 0;
    check_ = 0;
    show(word_);
    show(check_);
    return p;
  }
#endif

  static std::uintptr_t check_for(std::uintptr_t word, const void* at) noexcept {
    return word + 8 * reinterpret_cast<std::uintptr_t>(at) + handle_secret;
  }

 private:
  // The image must exist in memory, not in registers alone, now and whenever a function is called.
  static void show(const std::uintptr_t& word) noexcept { asm volatile("" ::"m"(word)); }

  std::uintptr_t word_ = 0;
  std::uintptr_t check_ = 0;
};

}  // namespace detail
TAUT_END_NAMESPACE
