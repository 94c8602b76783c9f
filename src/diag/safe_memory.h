// SPDX-License-Identifier: Apache-2.0
// Reading memory that may be gone: objects of the user's, file names of unloaded modules. The
// kernel copies, so a bad address is an answer and not a fault. Takes no lock. About 0.5 us a call.
#pragma once

#include <cstddef>
#include <string>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

bool read_memory(const void* from, void* to, std::size_t bytes) noexcept;
// The C string at `from`, at most 255 characters; empty when it cannot be read.
std::string read_text(const char* from);

}  // namespace rt
TAUT_END_NAMESPACE
