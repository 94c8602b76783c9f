// SPDX-License-Identifier: Apache-2.0
// Call frame information: from one module's .eh_frame_hdr and .eh_frame, the row that holds at an
// address, that is how to find the caller's frame from there. Only what a walk needs is tracked:
// the frame address (CFA), the return address, the frame pointer and one more saved register.
//
// Nothing here allocates, locks or reads outside the table's bytes; callable from signal handlers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// DWARF numbers of the registers this machine's code finds its frames by. `base` is the register
// that hand-written code (the loader's resolver, a switch trampoline) keeps its frame in.
#if defined(__x86_64__)
inline constexpr unsigned dwarf_sp = 7, dwarf_fp = 6, dwarf_base = 3, dwarf_ra = 16;
#elif defined(__aarch64__)
inline constexpr unsigned dwarf_sp = 31, dwarf_fp = 29, dwarf_base = 19, dwarf_ra = 30;
#else
#error "taut runs on x86-64 and aarch64"
#endif

// The bytes of one module's tables. They are addressed as they are mapped (`address`), because
// their pointers are relative to that, and read at `data`, which may be a copy.
struct unwind_table {
  std::uintptr_t address = 0;       // of the first byte, where the module is mapped
  const std::byte* data = nullptr;  // the same bytes, readable for ever
  std::size_t size = 0;             // 0: the module has no usable table
  std::size_t header = 0;           // offset of .eh_frame_hdr
  std::size_t entries = 0;          // offset of its sorted pairs (function, FDE)
  std::size_t count = 0;            // of those pairs
};

// Reads .eh_frame_hdr at `table.header`, sets entries and count, and drops the bytes before both
// tables. False: not in a form we search.
bool open_table(unwind_table& table) noexcept;

// A DWARF expression, still in the table's bytes.
struct cfi_expression {
  const std::byte* data = nullptr;
  std::size_t size = 0;
};

enum class rule_kind : std::uint8_t {
  same,              // the register still holds the caller's value
  undefined,         // the caller's value is gone; of the return address: there is no caller
  saved,             // in memory at CFA + offset
  value,             // is CFA + offset
  saved_expression,  // in memory at the address the expression gives
  value_expression,  // is what the expression gives
  other,             // somewhere this walk does not follow
};

struct register_rule {
  rule_kind kind = rule_kind::same;
  std::int64_t offset = 0;
  cfi_expression expression;
};

enum tracked : std::size_t { tracked_fp, tracked_base, tracked_ra, tracked_count };

// What holds at one address.
struct frame_row {
  unsigned cfa_register = 0;  // DWARF number; not used when cfa_expression is set
  std::int64_t cfa_offset = 0;
  cfi_expression cfa_expression;  // data == nullptr: CFA = cfa_register + cfa_offset
  std::array<register_rule, tracked_count> rules;
  bool signal = false;  // the kernel made this frame: its caller was interrupted, it did not call
};

// Fills in `row` for the instruction at `address`; false: the module says nothing about it.
bool find_row(const unwind_table& table, std::uintptr_t address, frame_row& row) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
