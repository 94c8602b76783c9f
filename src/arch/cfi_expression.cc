// SPDX-License-Identifier: Apache-2.0
// A stack machine over DWARF's operations, bounded in depth and in steps.
#include "arch/cfi_expression.h"

#include <array>
#include <bit>

#include "arch/dwarf_cursor.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr int max_steps = 256;

using word = std::uintptr_t;
using signed_word = std::intptr_t;

// Popping an empty stack or pushing on a full one clears `ok`, as reading past the end does.
struct word_stack {
  std::array<word, 32> values;
  std::size_t depth = 0;
  bool ok = true;

  void push(word value) noexcept {
    if (depth == values.size()) {
      ok = false;
    } else {
      values[depth++] = value;
    }
  }
  word pop() noexcept {
    if (depth == 0) {
      ok = false;
      return 0;
    }
    return values[--depth];
  }
  word pick(std::size_t below_top) noexcept {
    if (below_top >= depth) {
      ok = false;
      return 0;
    }
    return values[depth - 1 - below_top];
  }
};

// The operations that take two words and leave one; false: `code` is none of them.
bool binary(std::uint8_t code, word a, word b, word& result) noexcept {
  auto sa = static_cast<signed_word>(a), sb = static_cast<signed_word>(b);
  switch (code) {
    case 0x1a:
      result = a & b;
      break;
    case 0x1b:  // div; the smallest number by -1 overflows
      if (b == 0) return false;
      result = sb == -1 ? word{0} - a : static_cast<word>(sa / sb);
      break;
    case 0x1c:
      result = a - b;
      break;
    case 0x1d:  // mod
      if (b == 0) return false;
      result = a % b;
      break;
    case 0x1e:
      result = a * b;
      break;
    case 0x21:
      result = a | b;
      break;
    case 0x22:
      result = a + b;
      break;
    case 0x24:
      result = b < 64 ? a << b : 0;
      break;
    case 0x25:
      result = b < 64 ? a >> b : 0;
      break;
    case 0x26:
      result = static_cast<word>(sa >> (b < 64 ? b : 63));
      break;
    case 0x27:
      result = a ^ b;
      break;
    case 0x29:
      result = a == b;
      break;
    case 0x2a:
      result = sa >= sb;
      break;
    case 0x2b:
      result = sa > sb;
      break;
    case 0x2c:
      result = sa <= sb;
      break;
    case 0x2d:
      result = sa < sb;
      break;
    case 0x2e:
      result = a != b;
      break;
    default:
      return false;
  }
  return true;
}

// Operations that only push a constant; false: `code` is none of them.
bool constant(std::uint8_t code, dwarf_cursor& c, word& value) noexcept {
  if (code >= 0x30 && code <= 0x4f) {  // lit0 .. lit31
    value = code - 0x30u;
    return true;
  }
  switch (code) {
    case 0x03:
      value = c.fixed<std::uint64_t>();
      break;  // addr
    case 0x08:
      value = c.fixed<std::uint8_t>();
      break;
    case 0x09:
      value = static_cast<word>(c.fixed<std::int8_t>());
      break;
    case 0x0a:
      value = c.fixed<std::uint16_t>();
      break;
    case 0x0b:
      value = static_cast<word>(c.fixed<std::int16_t>());
      break;
    case 0x0c:
      value = c.fixed<std::uint32_t>();
      break;
    case 0x0d:
      value = static_cast<word>(c.fixed<std::int32_t>());
      break;
    case 0x0e:
    case 0x0f:
      value = c.fixed<std::uint64_t>();
      break;
    case 0x10:
      value = c.uleb();
      break;
    case 0x11:
      value = static_cast<word>(c.sleb());
      break;
    default:
      return false;
  }
  return true;
}

}  // namespace

bool register_value(const walk_registers& registers, std::uint64_t number,
                    std::uintptr_t& value) noexcept {
  switch (number) {
    case dwarf_sp:
      value = registers.sp;
      return true;
    case dwarf_fp:
      value = registers.fp;
      return true;
    case dwarf_base:
      value = registers.base;
      return true;
#if defined(__x86_64__)
    case dwarf_ra:
      value = registers.pc;
      return true;
#else
    case dwarf_ra:
      value = registers.lr;
      return true;
#endif
    default:
      return false;
  }
}

bool evaluate(const cfi_expression& expression, const walk_registers& registers,
              const stack_memory& stack, const std::uintptr_t* cfa,
              std::uintptr_t& result) noexcept {
  dwarf_cursor c(expression.data, expression.size);
  word_stack s;
  if (cfa != nullptr) s.push(*cfa);
  for (int step = 0; !c.done(); ++step) {
    if (step == max_steps || !s.ok) return false;
    std::uint8_t code = c.byte();
    word a = 0, b = 0;
    if (constant(code, c, a)) {
      s.push(a);
      continue;
    }
    if ((code >= 0x70 && code <= 0x8f) || code == 0x92) {  // breg0 .. breg31, bregx
      std::uint64_t number = code == 0x92 ? c.uleb() : code - 0x70u;
      if (!register_value(registers, number, a)) return false;
      s.push(a + static_cast<word>(c.sleb()));
      continue;
    }
    switch (code) {
      case 0x06:  // deref
        if (!stack.read(s.pop(), a)) return false;
        s.push(a);
        break;
      case 0x12:
        s.push(s.pick(0));
        break;  // dup
      case 0x13:
        s.pop();
        break;  // drop
      case 0x14:
        s.push(s.pick(1));
        break;  // over
      case 0x15:
        s.push(s.pick(c.byte()));
        break;    // pick
      case 0x16:  // swap
        b = s.pop();
        a = s.pop();
        s.push(b);
        s.push(a);
        break;
      case 0x17: {  // rot: the top goes below the next two
        word top = s.pop();
        b = s.pop();
        a = s.pop();
        s.push(top);
        s.push(a);
        s.push(b);
        break;
      }
      case 0x19:  // abs
        a = s.pop();
        s.push(static_cast<signed_word>(a) < 0 ? word{0} - a : a);
        break;
      case 0x1f:
        s.push(word{0} - s.pop());
        break;  // neg
      case 0x20:
        s.push(~s.pop());
        break;  // not
      case 0x23:
        s.push(s.pop() + c.uleb());
        break;      // plus_uconst
      case 0x28: {  // bra
        auto target = c.fixed<std::int16_t>();
        if (s.pop() != 0) c.branch(target, expression.data);
        break;
      }
      case 0x2f:
        c.branch(c.fixed<std::int16_t>(), expression.data);
        break;  // skip
      case 0x96:
        break;  // nop
      default:
        b = s.pop();
        a = s.pop();
        if (!binary(code, a, b, a)) return false;
        s.push(a);
    }
  }
  result = s.pop();
  return c.ok() && s.ok;
}

}  // namespace rt
TAUT_END_NAMESPACE
