// SPDX-License-Identifier: Apache-2.0
#include "sched/blocking.h"

#include "sched/current.h"
#include "sched/runtime_state.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

blocking_section::blocking_section() noexcept : worker_(current_worker()) {
  if (worker_ == nullptr || worker_->current == nullptr) {
    worker_ = nullptr;
    return;
  }
  worker_->current->set_state(goroutine_state::blocking);
  worker_->runtime->in_blocking.fetch_add(1);
  worker_->runtime->begin_blocked(worker_);
}

blocking_section::~blocking_section() {
  if (worker_ == nullptr) return;
  worker_->runtime->end_blocked(worker_);
  worker_->runtime->in_blocking.fetch_sub(1);
  worker_->current->set_state(goroutine_state::running);
}

}  // namespace rt
TAUT_END_NAMESPACE
