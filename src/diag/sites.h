// SPDX-License-Identifier: Apache-2.0
// What a recorded site refers to. It may be stale, or torn from a record that is gone, so it is
// read by the kernel's copy.
#pragma once

#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// A copy; its texts are not read. No file: there is none, or it cannot be read. Callable from
// signal handlers.
detail::site_data read_site(detail::site where) noexcept;

// The same file and line: templates give one place several sites.
bool same_place(detail::site a, detail::site b) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
