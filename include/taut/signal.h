// SPDX-License-Identifier: Apache-2.0
// notify_context: a context that ends when the process receives a signal. For a server's orderly
// end:
//
//   auto [ctx, stop] = taut::notify_context(taut::background(), {SIGINT, SIGTERM});
//   serve(ctx);                       // ctx.cause() says: "interrupt signal received"
//
// Callable from any goroutine or thread.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>

#include "taut/context.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

// The cause of a context that a signal ended.
class TAUT_API signal_received : public std::runtime_error {
 public:
  signal_received(int number, const std::string& text)
      : std::runtime_error(text), number_(number) {}
  ~signal_received() override;
  int number() const noexcept { return number_; }

 private:
  int number_;
};

// notify_context() makes a child that also ends, with errc::canceled and signal_received as its
// cause, when one of the signals arrives. While any such context lives, a signal that it watches
// does nothing else; when the last has ended, the process treats the signal as before: so a second
// Ctrl-C kills. Throws panic for a signal that cannot be watched (SIGKILL, SIGSTOP, those of a
// crash), std::system_error without descriptors or threads.
[[nodiscard]] TAUT_API cancelable notify_context(const context& parent,
                                                 std::initializer_list<int> signals,
                                                 detail::site where = detail::site::here());

TAUT_END_NAMESPACE
