// SPDX-License-Identifier: Apache-2.0
// Symbol visibility and the inline ABI namespace that every public name lives in.
#pragma once

#define TAUT_API __attribute__((visibility("default")))
#define TAUT_BEGIN_NAMESPACE \
  namespace taut {           \
  inline namespace v0 {
#define TAUT_END_NAMESPACE \
  }                        \
  }
