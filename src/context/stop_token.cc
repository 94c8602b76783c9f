// SPDX-License-Identifier: Apache-2.0
// Standard stop tokens that end with a context, and contexts that end by a stop token.
#include <memory>
#include <utility>

#include "context/context_node.h"
#include "context/stop_link.h"
#include "taut/interop/stop_token.h"

TAUT_BEGIN_NAMESPACE
namespace interop {

using namespace rt;

std::stop_token stop_token(const context& ctx) {
  canceler_node* n = ender_of(ctx.node());
  if (n == nullptr) return {};
  auto made = std::make_unique<std::stop_source>();
  bool ended = false;
  std::stop_source source(std::nostopstate);
  {
    hold h(n->guard);
    if (n->stops == nullptr) {
      n->stops = std::move(made);
      ended = n->state.load() != context_state::live;
      if (!ended) keep(*n);
    }
    source = *n->stops;
  }
  if (ended) source.request_stop();
  return source.get_token();
}

cancelable with_stop_token(const context& parent, std::stop_token token, detail::site where) {
  canceler_node* n = make_canceler(parent, context_kind::stop_token, where);
  cancelable made = hand_out(n);
  // Ends the context here and now when a stop was requested already.
  n->stop = std::make_unique<canceler_node::stop_link>(std::move(token), n);
  return made;
}

}  // namespace interop
TAUT_END_NAMESPACE
