// SPDX-License-Identifier: Apache-2.0
// Functions that are never called: their addresses stand in profiles for stacks that cannot be
// read, so that totals stay right and the reader sees why.
#pragma once

#include <cstdint>

#include "sched/goroutine.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// A return address in the function that is named after the state.
std::uintptr_t stand_in_for(goroutine_state state) noexcept;
// In one named after samples that were taken and lost.
std::uintptr_t stand_in_for_lost_samples() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
