// SPDX-License-Identifier: Apache-2.0
// Which function a return address says was called.
#pragma once

#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Where the direct call before `return_address` went; 0: it is no return address, or that of a call
// by a pointer. Any value may be asked about. Takes no lock.
std::uintptr_t call_target(std::uintptr_t return_address) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
