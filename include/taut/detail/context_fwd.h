// SPDX-License-Identifier: Apache-2.0
// The name of context, for headers whose calls take one.
#pragma once

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
class context;
namespace detail {
struct context_node;
// The node behind a context, borrowed; nullptr for one that never ends.
TAUT_API context_node* node_of(const context& ctx) noexcept;
}  // namespace detail
TAUT_END_NAMESPACE
