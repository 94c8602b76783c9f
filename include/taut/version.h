// SPDX-License-Identifier: Apache-2.0
// The version of the headers (TAUT_VERSION) and of the library a program runs with (version()).
#pragma once

#include "taut/export.h"

#define TAUT_VERSION_MAJOR 0
#define TAUT_VERSION_MINOR 1
#define TAUT_VERSION_PATCH 0
// major * 10000 + minor * 100 + patch.
#define TAUT_VERSION (TAUT_VERSION_MAJOR * 10000 + TAUT_VERSION_MINOR * 100 + TAUT_VERSION_PATCH)

TAUT_BEGIN_NAMESPACE

// version() returns TAUT_VERSION as it was when the library was built. Compare it with TAUT_VERSION
// to find a program that runs with another library than it was compiled for. Callable from any
// thread.
TAUT_API int version() noexcept;

TAUT_END_NAMESPACE
