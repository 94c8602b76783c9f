// SPDX-License-Identifier: Apache-2.0
// Listeners whose accept() lacks descriptors: woken when this library closes one, so that they need
// not sit out their whole pause.
#pragma once

#include "io/poll_fd.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// While it lives, the listener is on the list.
class starved_scope {
 public:
  explicit starved_scope(poll_fd& p) noexcept;
  ~starved_scope();
  starved_scope(const starved_scope&) = delete;
  starved_scope& operator=(const starved_scope&) = delete;

 private:
  poll_fd& p_;
};

// A descriptor was closed.
void wake_starved() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
