// SPDX-License-Identifier: Apache-2.0
// The self-validating word pair behind every shared handle (channels, contexts).
//
// A handle image is {p, p + 8 * address of this second word, the check, + tag}: a memory scan can
// tell a live handle from a stale or copied word, count them exactly, and see by the tag what the
// handle may do. The check is above all addresses of a program whose stacks lie in the upper part
// of them, as Linux has it, so no pointer beside a stale p is taken for one. Who ends a handle
// wipes it. Decision 0022.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

class handle_image {
 public:
  constexpr handle_image() noexcept = default;
  explicit handle_image(void* p, std::uintptr_t tag = 0) noexcept { set(p, tag); }
  handle_image(const handle_image&) = delete;
  handle_image& operator=(const handle_image&) = delete;
  ~handle_image() = default;  // its owner has wiped it

  void* get() const noexcept { return word_; }
#if defined(TAUT_UNRECORDED)  // the build that measures what recording costs
  void set(void* p, std::uintptr_t = 0) noexcept {
    word_ = p;
    check_ = nullptr;
  }
  void* wipe() noexcept {
    void* p = word_;
    word_ = nullptr;
    return p;
  }
#else
  // Of null too: nobody looks at the check of a null word.
  __attribute__((no_sanitize("pointer-overflow"))) void set(void* p,
                                                            std::uintptr_t tag = 0) noexcept {
    show(word_) = p;
    // An offset from p, for compilers: else they take it for an address of this handle, and think
    // that all code knows the handle, and the closure that it is in, from now on. And not by the
    // address of the handle, which they would keep from here to where it ends.
    show(check_) =
        static_cast<const char*>(p) + (8 * reinterpret_cast<std::uintptr_t>(&check_) + tag);
  }
  // wipe() returns the pointer and leaves no handle here.
  void* wipe() noexcept {
    void* p = word_;
    word_ = nullptr;  // what compilers know: a volatile store tells them nothing
    *reinterpret_cast<volatile words*>(this) = words{};
    return p;
  }
#endif

  // Of the handle at `at`, whose first word is `word`; without its tag.
  static std::uintptr_t check_for(std::uintptr_t word, const void* at) noexcept {
    return word + 8 * (reinterpret_cast<std::uintptr_t>(at) + offsetof(handle_image, check_));
  }

 private:
  using words __attribute__((vector_size(16), aligned(8), may_alias)) = std::uintptr_t;

  // What is stored so exists in memory, not in registers alone, before a function is called.
  template <class T>
  static volatile T& show(T& word) noexcept {
    return word;
  }

  void* word_ = nullptr;
  const char* check_ = nullptr;
};
static_assert(sizeof(handle_image) == 16, "wiped by one store");

}  // namespace detail
TAUT_END_NAMESPACE
