// SPDX-License-Identifier: Apache-2.0
// Call frame information: finds a function's record and runs its instructions up to an address.
//
// Shape of the data
//   .eh_frame_hdr   version, three encodings, -> .eh_frame, count, sorted (function, FDE) pairs,
//                   each 32 bits relative to the header: the only form linkers write.
//   FDE             one function: range, instructions, -> CIE.
//   CIE             what many functions share: alignment factors, encodings, first instructions.
//
// Each record is read through a cursor that ends where the record ends, so damaged tables end in
// "no row"; nothing is read outside them.
#include "arch/eh_frame.h"

#include <algorithm>

#include "arch/dwarf_cursor.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

namespace pe = pointer_encoding;

// remember_state nests once or twice in practice.
constexpr std::size_t max_remembered = 8;

dwarf_cursor cursor_at(const unwind_table& table, std::uintptr_t address) noexcept {
  if (address - table.address >= table.size) {
    dwarf_cursor none(table.data, 0);
    none.fail();
    return none;
  }
  std::size_t offset = address - table.address;
  return {table.data + offset, table.size - offset, address};
}

// A CIE or FDE: the cursor after its length field, limited to the record.
dwarf_cursor record_at(const unwind_table& table, std::uintptr_t address) noexcept {
  dwarf_cursor cursor = cursor_at(table, address);
  auto length = cursor.fixed<std::uint32_t>();
  if (length == 0 || length == 0xffffffffu) cursor.fail();  // terminator, or a 64-bit record
  cursor.limit(length);
  return cursor;
}

struct common_entry {
  dwarf_cursor instructions{nullptr, 0};
  std::uint64_t code_factor = 1;
  std::int64_t data_factor = 1;
  std::uint8_t encoding = pe::absolute;
  bool augmented = false;
  bool signal = false;
};

bool read_common(const unwind_table& table, std::uintptr_t address, common_entry& cie) noexcept {
  dwarf_cursor cursor = record_at(table, address);
  if (cursor.fixed<std::uint32_t>() != 0) return false;  // an FDE
  std::uint8_t version = cursor.byte();
  if (version != 1 && version != 3) return false;
  const std::byte* augmentation = cursor.here();
  while (cursor.byte() != 0) {
  }
  cie.code_factor = cursor.uleb();
  cie.data_factor = cursor.sleb();
  std::uint64_t ra = version == 1 ? cursor.byte() : cursor.uleb();
  if (!cursor.ok() || ra != dwarf_ra) return false;
  for (; *augmentation != std::byte{0}; ++augmentation) {
    switch (static_cast<char>(*augmentation)) {
      case 'z':
        cie.augmented = true;
        cursor.uleb();
        break;
      case 'R':
        cie.encoding = cursor.byte();
        break;
      case 'L':
        cursor.byte();
        break;
      case 'P': {
        std::uint8_t encoding = cursor.byte();
        cursor.pointer(encoding & 0x7f);
        break;
      }
      case 'S':
        cie.signal = true;
        break;
      case 'B':  // return addresses are signed with the B key
      case 'G':  // the stack is tagged
        break;
      default:
        return false;
    }
  }
  cie.instructions = cursor;
  return cursor.ok();
}

struct machine {
  const common_entry& cie;
  std::uintptr_t location;  // where the row being built starts to hold
  std::uintptr_t target;    // the address asked for
  frame_row row;
  frame_row initial;  // after the CIE's instructions: what restore goes back to
  std::array<frame_row, max_remembered> remembered;
  std::size_t depth = 0;

  // Where the rule of a register is kept; registers we do not track share one to scribble on.
  register_rule ignored;
  register_rule& rule(frame_row& of, std::uint64_t number) noexcept {
    switch (number) {
      case dwarf_fp:
        return of.rules[tracked_fp];
      case dwarf_base:
        return of.rules[tracked_base];
      case dwarf_ra:
        return of.rules[tracked_ra];
      default:
        return ignored;
    }
  }

  void set(std::uint64_t number, rule_kind kind, std::int64_t offset = 0,
           cfi_expression expression = {}) noexcept {
    rule(row, number) = {kind, offset, expression};
  }
  void restore(std::uint64_t number) noexcept { rule(row, number) = rule(initial, number); }

  void set_cfa(std::uint64_t number, std::int64_t offset) noexcept {
    row.cfa_register = static_cast<unsigned>(number);
    row.cfa_offset = offset;
    row.cfa_expression = {};
  }

  static cfi_expression expression(dwarf_cursor& cursor) noexcept {
    std::uint64_t size = cursor.uleb();
    cfi_expression found{cursor.here(), static_cast<std::size_t>(size)};
    cursor.skip(size);
    return found;
  }
  std::int64_t factored(std::uint64_t offset) const noexcept {
    return static_cast<std::int64_t>(offset * static_cast<std::uint64_t>(cie.data_factor));
  }

  // False: the row in effect at the target is complete.
  bool advance(std::uint64_t delta) noexcept {
    location += delta * cie.code_factor;
    return location <= target;
  }

  bool run(dwarf_cursor cursor) noexcept;  // False: an instruction we do not know, or damage.
};

bool machine::run(dwarf_cursor c) noexcept {
  while (!c.done()) {
    std::uint8_t code = c.byte();
    std::uint8_t low = code & 0x3f;
    switch (code & 0xc0) {
      case 0x40:  // advance_loc
        if (!advance(low)) return true;
        continue;
      case 0x80:
        set(low, rule_kind::saved, factored(c.uleb()));
        continue;  // offset
      case 0xc0:
        restore(low);
        continue;
      default:
        break;
    }
    std::uint64_t number = 0;
    switch (code) {
      case 0x00:
        break;    // nop
      case 0x01:  // set_loc
        location = c.pointer(cie.encoding);
        if (location > target) return c.ok();
        break;
      case 0x02:
        if (!advance(c.byte())) return c.ok();
        break;  // advance_loc1
      case 0x03:
        if (!advance(c.fixed<std::uint16_t>())) return c.ok();
        break;  // advance_loc2
      case 0x04:
        if (!advance(c.fixed<std::uint32_t>())) return c.ok();
        break;    // advance_loc4
      case 0x05:  // offset_extended
        number = c.uleb();
        set(number, rule_kind::saved, factored(c.uleb()));
        break;
      case 0x06:
        restore(c.uleb());
        break;  // restore_extended
      case 0x07:
        set(c.uleb(), rule_kind::undefined);
        break;  // undefined
      case 0x08:
        set(c.uleb(), rule_kind::same);
        break;    // same_value
      case 0x09:  // register
        set(c.uleb(), rule_kind::other);
        c.uleb();
        break;
      case 0x0a:  // remember_state
        if (depth == max_remembered) return false;
        remembered[depth++] = row;
        break;
      case 0x0b:  // restore_state
        if (depth == 0) return false;
        row = remembered[--depth];
        break;
      case 0x0c:  // def_cfa
        number = c.uleb();
        set_cfa(number, static_cast<std::int64_t>(c.uleb()));
        break;
      case 0x0d:
        set_cfa(c.uleb(), row.cfa_offset);
        break;    // def_cfa_register
      case 0x0e:  // def_cfa_offset
        row.cfa_offset = static_cast<std::int64_t>(c.uleb());
        break;
      case 0x0f:
        row.cfa_expression = expression(c);
        break;    // def_cfa_expression
      case 0x10:  // expression
        number = c.uleb();
        set(number, rule_kind::saved_expression, 0, expression(c));
        break;
      case 0x11:  // offset_extended_sf
        number = c.uleb();
        set(number, rule_kind::saved, factored(static_cast<std::uint64_t>(c.sleb())));
        break;
      case 0x12:  // def_cfa_sf
        number = c.uleb();
        set_cfa(number, factored(static_cast<std::uint64_t>(c.sleb())));
        break;
      case 0x13:  // def_cfa_offset_sf
        row.cfa_offset = factored(static_cast<std::uint64_t>(c.sleb()));
        break;
      case 0x14:  // val_offset
        number = c.uleb();
        set(number, rule_kind::value, factored(c.uleb()));
        break;
      case 0x15:  // val_offset_sf
        number = c.uleb();
        set(number, rule_kind::value, factored(static_cast<std::uint64_t>(c.sleb())));
        break;
      case 0x16:  // val_expression
        number = c.uleb();
        set(number, rule_kind::value_expression, 0, expression(c));
        break;
      case 0x2d:
        break;  // aarch64 negate_ra_state: the walk strips every signature
      case 0x2e:
        c.uleb();
        break;    // GNU_args_size
      case 0x2f:  // GNU_negative_offset_extended
        number = c.uleb();
        set(number, rule_kind::saved, factored(std::uint64_t{0} - c.uleb()));
        break;
      default:
        return false;
    }
  }
  return c.ok();
}

// The FDE of the last function that starts at or before `address`; 0: none.
std::uintptr_t find_record(const unwind_table& table, std::uintptr_t address) noexcept {
  const std::uintptr_t base = table.address + table.header;
  auto value = [&](std::size_t index, std::size_t half) noexcept {
    std::int32_t relative = 0;
    std::memcpy(&relative, table.data + table.entries + index * 8 + half * 4, sizeof relative);
    return base + static_cast<std::uintptr_t>(static_cast<std::intptr_t>(relative));
  };
  std::size_t low = 0, high = table.count;
  while (low < high) {
    std::size_t middle = low + (high - low) / 2;
    if (value(middle, 0) <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? 0 : value(low - 1, 1);
}

}  // namespace

bool open_table(unwind_table& table) noexcept {
  const std::uintptr_t base = table.address + table.header;
  dwarf_cursor cursor = cursor_at(table, base);
  std::uint8_t version = cursor.byte();
  std::uint8_t frame_encoding = cursor.byte();
  std::uint8_t count_encoding = cursor.byte();
  std::uint8_t entry_encoding = cursor.byte();
  std::uintptr_t frames = cursor.pointer(frame_encoding, base);
  std::uintptr_t count = cursor.pointer(count_encoding, base);
  if (!cursor.ok() || version != 1 || entry_encoding != (pe::data_relative | pe::sdata4) ||
      frame_encoding == pe::omit || count_encoding == pe::omit || count > cursor.left() / 8 ||
      frames - table.address >= table.size)
    return false;
  std::size_t unused = std::min(base, frames) - table.address;
  table.address += unused;
  table.data += unused;
  table.size -= unused;
  table.header -= unused;
  table.entries = static_cast<std::size_t>(cursor.here() - table.data);
  table.count = count;
  return true;
}

bool find_row(const unwind_table& table, std::uintptr_t address, frame_row& row) noexcept {
  std::uintptr_t where = find_record(table, address);
  if (where == 0) return false;
  dwarf_cursor cursor = record_at(table, where);
  std::uintptr_t link = cursor.address();
  auto distance = cursor.fixed<std::uint32_t>();
  common_entry cie;
  if (!cursor.ok() || distance == 0 || !read_common(table, link - distance, cie)) return false;
  std::uintptr_t begin = cursor.pointer(cie.encoding);
  std::uintptr_t size = cursor.pointer(cie.encoding & pe::format);
  if (cie.augmented) cursor.skip(cursor.uleb());
  if (!cursor.ok() || address - begin >= size) return false;

  machine m{cie, 0, address, {}, {}, {}, 0, {}};
  if (!m.run(cie.instructions)) return false;
  m.initial = m.row;
  m.location = begin;
  if (!m.run(cursor)) return false;
  row = m.row;
  row.signal = cie.signal;
  return true;
}

}  // namespace rt
TAUT_END_NAMESPACE
