// SPDX-License-Identifier: Apache-2.0
// Starting a goroutine without an allocation: the closure is built at the top of the new
// goroutine's own stack, before the goroutine is published.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

// What a goroutine may be told at birth.
struct go_options {
  std::string_view name = {};  // shown in dumps; copied
  std::size_t stack = 0;       // bytes; 0: the runtime's option
  bool pinned = false;         // never changes its worker once it has started
};

namespace detail {

struct context_node;

struct spawn {
  void* goroutine;  // the unpublished goroutine
  void* memory;     // room for the closure
};

// spawn_begin() takes a goroutine whose stack has room for the closure. Throws std::bad_alloc
// without memory for a stack.
TAUT_API spawn spawn_begin(std::size_t size, std::size_t align, const go_options& wanted,
                           site where);
// The closure's constructor threw: gives the goroutine back.
TAUT_API void spawn_abort(spawn s) noexcept;
// Publishes the goroutine, which will call run(memory) and end. `bound`, when not null, is the
// context that cancels it; the goroutine keeps its own reference.
TAUT_API void spawn_commit(spawn s, void (*run)(void*), context_node* bound);

template <class F>
void spawn_goroutine(F&& f, const go_options& wanted, context_node* bound, site where) {
  using function = std::decay_t<F>;
  static_assert(std::is_invocable_v<function&>,
                "go: the function must be callable without arguments");
  spawn s = spawn_begin(sizeof(function), alignof(function), wanted, where);
  try {
    ::new (s.memory) function(std::forward<F>(f));
  } catch (...) {
    spawn_abort(s);
    throw;
  }
  spawn_commit(
      s,
      [](void* memory) {
        // Destroyed while the goroutine still is one, also when the call ends by an exception.
        struct owner {
          function* f;
          ~owner() { f->~function(); }
        } own{static_cast<function*>(memory)};
        static_cast<void>((*own.f)());
      },
      bound);
}

}  // namespace detail
TAUT_END_NAMESPACE
