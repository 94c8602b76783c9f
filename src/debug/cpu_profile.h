// SPDX-License-Identifier: Apache-2.0
// A CPU profile while it is taken: a thread of its own collects what the sampler brings.
#pragma once

#include <memory>
#include <system_error>

#include "debug/stack_profile.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class cpu_recording {
 public:
  struct options {
    bool goroutines = false;  // label samples with the goroutine's id
  };
  // Starts one. Null, and why, when another is being taken, or without a thread or memory.
  static std::unique_ptr<cpu_recording> start(const options& wanted, std::error_code& why);

  cpu_recording(const cpu_recording&) = delete;
  cpu_recording& operator=(const cpu_recording&) = delete;
  // Ends it.
  ~cpu_recording();

  // Ends it and returns what there is.
  stack_profile finish();

 private:
  struct state;
  explicit cpu_recording(std::unique_ptr<state> s) noexcept;
  std::unique_ptr<state> state_;
};

}  // namespace rt
TAUT_END_NAMESPACE
