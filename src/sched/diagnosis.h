// SPDX-License-Identifier: Apache-2.0
// What diag owes the scheduler: text for a dying process. Declared here and defined in diag, so
// that nothing is included upwards.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Writes the stacks of all goroutines to a descriptor in Go's debug=2 form, the calling one first.
void write_goroutine_dump(int fd) noexcept;
// Reads what diag will need later (the list of loaded modules), while it is still safe to.
void prepare_diagnosis() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
