// SPDX-License-Identifier: Apache-2.0
// Contexts and standard stop tokens, both ways.
//
//   std::stop_callback on_end(taut::interop::stop_token(ctx), [&] { engine.interrupt(); });
//   auto [ctx, cancel] = taut::interop::with_stop_token(taut::background(),
//   thread.get_stop_token());
//
// Not part of taut.h, for <stop_token> is the dearest header of the standard library. Every
// function may be called from any thread.
#pragma once

#include <stop_token>

#include "taut/context.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace interop {

// stop_token() asks a stop when ctx ends; no stop is possible when it never can. Does not block.
[[nodiscard]] TAUT_API std::stop_token stop_token(const context& ctx);

// with_stop_token() makes a child that ends, with errc::canceled, when a stop is requested too. The
// cancel returned ends it as well.
TAUT_API cancelable with_stop_token(const context& parent, std::stop_token token,
                                    detail::site where = detail::site::here());

}  // namespace interop
TAUT_END_NAMESPACE
