// SPDX-License-Identifier: Apache-2.0
// What listening and dialling share.
#pragma once

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Go's defaults: no Nagle delay; keep-alive after 15 s of silence, 9 probes.
void set_tcp_defaults(int fd) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
