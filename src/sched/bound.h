// SPDX-License-Identifier: Apache-2.0
// What the context layer owes the scheduler: to bind a goroutine to a context at its birth and to
// let it go at its end. The layer registers itself when its first cancellable context is made, so
// it is there before anything can be bound.
#pragma once

#include <atomic>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {
struct context_node;
}
namespace rt {

struct goroutine;

class bound_contexts {
 public:
  // Sets g->bound and takes a reference. When the context has ended already, g's first wait ends at
  // once.
  virtual void bind(goroutine* g, detail::context_node* node) noexcept = 0;
  // Clears g->bound and drops the reference. Called by g itself.
  virtual void unbind(goroutine* g) noexcept = 0;

 protected:
  ~bound_contexts() = default;
};

extern std::atomic<bound_contexts*> the_bound_contexts;

}  // namespace rt
TAUT_END_NAMESPACE
