// SPDX-License-Identifier: Apache-2.0
// A standard stop token that ends a context.
#pragma once

#include <stop_token>
#include <utility>

#include "context/context_node.h"
#include "sched/park.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct stop_request {
  canceler_node* node;
  // Runs in whoever requests the stop, maybe while the node is about to die: its destructor waits
  // for this call.
  void operator()() const noexcept {
    steady_section steady;
    end_context(
        node, {.state = context_state::canceled, .cause = nullptr, .where = {}, .detached = true});
  }
};

struct canceler_node::stop_link {
  stop_link(std::stop_token token, canceler_node* n)
      : callback(std::move(token), stop_request{n}) {}
  std::stop_callback<stop_request> callback;
};

}  // namespace rt
TAUT_END_NAMESPACE
