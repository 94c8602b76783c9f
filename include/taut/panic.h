// SPDX-License-Identifier: Apache-2.0
// What a caller's mistake throws: send on a closed channel, a second close, a negative wait group,
// the unlock of a mutex that is not held. The texts are Go's, so that they can be searched for.
#pragma once

#include <stdexcept>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

// panic is thrown at the caller who made the mistake. It is a logic_error: fix the program rather
// than catch it. One that leaves a goroutine started by go() ends the process with a dump.
class TAUT_API panic : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~panic() override;
};

// canceled is thrown out of a wait of a goroutine whose bound context was cancelled, so that
// destructors unwind it. It is deliberately no std::exception: a handler for errors must not
// swallow it. A goroutine that catches it meets it again at its next wait; one that it leaves ends
// normally.
class TAUT_API canceled {
 public:
  canceled() noexcept = default;
};

TAUT_END_NAMESPACE
