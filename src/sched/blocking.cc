// SPDX-License-Identifier: Apache-2.0
#include "sched/blocking.h"

#include "base/recording.h"
#include "sched/current.h"
#include "sched/runtime_state.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// A call that parks after all (it uses taut itself) comes back to this worker: the pin, and the
// books, hold until the end.
blocking_section::blocking_section() noexcept : worker_(current_worker()) {
  if (worker_ == nullptr || worker_->current == nullptr) {
    worker_ = nullptr;
    return;
  }
  goroutine* g = worker_->current;
  ++g->pins;
  if constexpr (records) g->set_state(goroutine_state::blocking);
  worker_->runtime->begin_blocked(worker_);
}

blocking_section::~blocking_section() {
  if (worker_ == nullptr) return;
  worker_->runtime->end_blocked(worker_);
  goroutine* g = worker_->current;
  --g->pins;
  if constexpr (records) g->set_state(goroutine_state::runnable);
}

}  // namespace rt
TAUT_END_NAMESPACE
