// SPDX-License-Identifier: Apache-2.0
#include "arch/eh_globals.h"

#include <cxxabi.h>

#include "base/annotations.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

TAUT_NOINLINE eh_globals* thread_eh_globals() noexcept {
  auto* p = reinterpret_cast<eh_globals*>(abi::__cxa_get_globals());
  asm volatile("" : "+r"(p)::"memory");
  return p;
}

}  // namespace rt
TAUT_END_NAMESPACE
