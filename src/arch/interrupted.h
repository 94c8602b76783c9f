// SPDX-License-Identifier: Apache-2.0
// Where the code stood that a signal interrupted.
#pragma once

#include <ucontext.h>

#include "arch/unwind.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// `context` is the third argument of a handler with SA_SIGINFO.
inline frame_registers interrupted_registers(const void* context) noexcept {
  const mcontext_t& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  auto value = [&](int r) { return static_cast<std::uintptr_t>(machine.gregs[r]); };
  return {value(REG_RIP), value(REG_RSP), value(REG_RBP), value(REG_RBX)};
#elif defined(__aarch64__)
  return {machine.pc, machine.sp, machine.regs[29], machine.regs[19], machine.regs[30]};
#endif
}

}  // namespace rt
TAUT_END_NAMESPACE
