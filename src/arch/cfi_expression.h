// SPDX-License-Identifier: Apache-2.0
// Evaluates the DWARF expressions that frames of the procedure linkage table, of the kernel's
// signal trampoline and of functions with an over-aligned stack use in place of plain offsets.
#pragma once

#include <cstdint>

#include "arch/eh_frame.h"
#include "arch/stack_memory.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// What a walk knows of one frame's registers.
struct walk_registers {
  std::uintptr_t pc, sp, fp, base, lr;
};

// The register of that DWARF number; false: the walk does not know it.
bool register_value(const walk_registers& registers, std::uint64_t number,
                    std::uintptr_t& value) noexcept;

// Runs `expression`; `cfa` (may be null) is on the stack at the start, as rules for registers have
// it. False: an unknown operation or register, a read outside the stack, or too many steps.
bool evaluate(const cfi_expression& expression, const walk_registers& registers,
              const stack_memory& stack, const std::uintptr_t* cfa,
              std::uintptr_t& result) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
