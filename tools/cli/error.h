// SPDX-License-Identifier: Apache-2.0
// What the user can put right: a wrong argument, an unreachable service, a file that is no dump.
#pragma once

#include <stdexcept>

namespace taut::cli {

// The message is one sentence with the remedy; the command prints it and exits with 2.
class user_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace taut::cli
