// SPDX-License-Identifier: Apache-2.0
// Reads DWARF's integers out of a run of bytes. A read past the end yields 0 and clears ok(), for
// good: callers read a whole record and look at ok() once. Callable from signal handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Pointer encodings (Linux Standard Base, DWARF extensions).
namespace pointer_encoding {
inline constexpr std::uint8_t absolute = 0x00, uleb = 0x01, udata2 = 0x02, udata4 = 0x03,
                              udata8 = 0x04, sleb = 0x09, sdata2 = 0x0a, sdata4 = 0x0b,
                              sdata8 = 0x0c, format = 0x0f, pc_relative = 0x10,
                              data_relative = 0x30, relation = 0x70, omit = 0xff;
}  // namespace pointer_encoding

class dwarf_cursor {
 public:
  // `address` is where the first byte is mapped in its module.
  dwarf_cursor(const std::byte* data, std::size_t size, std::uintptr_t address = 0) noexcept
      : at_(data), end_(data + size), address_(address) {}

  bool ok() const noexcept { return ok_; }
  bool done() const noexcept { return !ok_ || at_ == end_; }
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  const std::byte* here() const noexcept { return at_; }
  std::uintptr_t address() const noexcept { return address_; }

  // Moves by `count` bytes; for expressions' branches it may be negative, `begin` then bounds it.
  void skip(std::uint64_t count) noexcept {
    if (count > left()) return fail();
    at_ += count;
    address_ += count;
  }
  void branch(std::int64_t count, const std::byte* begin) noexcept {
    if (count > end_ - at_ || count < begin - at_) return fail();
    at_ += count;
  }
  // Ends the run `size` bytes from here.
  void limit(std::size_t size) noexcept {
    if (size > left()) return fail();
    end_ = at_ + size;
  }
  void fail() noexcept {
    ok_ = false;
    at_ = end_;
  }

  template <typename Integer>
  Integer fixed() noexcept {
    Integer value = 0;
    if (left() < sizeof value) {
      fail();
      return 0;
    }
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    address_ += sizeof value;
    return value;
  }
  std::uint8_t byte() noexcept { return fixed<std::uint8_t>(); }

  std::uint64_t uleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; ok_; shift += 7) {
      std::uint8_t piece = byte();
      if (shift < 64) value |= std::uint64_t{piece & 0x7fu} << shift;
      if ((piece & 0x80) == 0) break;
    }
    return value;
  }
  std::int64_t sleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; ok_;) {
      std::uint8_t piece = byte();
      if (shift < 64) value |= std::uint64_t{piece & 0x7fu} << shift;
      shift += 7;
      if ((piece & 0x80) != 0) continue;
      if ((piece & 0x40) != 0 && shift < 64) value |= ~std::uint64_t{0} << shift;
      break;
    }
    return static_cast<std::int64_t>(value);
  }

  // A pointer in the given encoding; an indirect one yields the address of the pointer.
  std::uintptr_t pointer(std::uint8_t encoding, std::uintptr_t data_base = 0) noexcept {
    namespace pe = pointer_encoding;
    if (encoding == pe::omit) return 0;
    std::uintptr_t base = 0;
    switch (encoding & pe::relation) {
      case pe::absolute:
        break;
      case pe::pc_relative:
        base = address_;
        break;
      case pe::data_relative:
        base = data_base;
        break;
      default:
        fail();
        return 0;
    }
    switch (encoding & pe::format) {
      case pe::absolute:
      case pe::udata8:
      case pe::sdata8:
        return base + fixed<std::uint64_t>();
      case pe::uleb:
        return base + uleb();
      case pe::sleb:
        return base + static_cast<std::uintptr_t>(sleb());
      case pe::udata2:
        return base + fixed<std::uint16_t>();
      case pe::udata4:
        return base + fixed<std::uint32_t>();
      case pe::sdata2:
        return base + static_cast<std::uintptr_t>(fixed<std::int16_t>());
      case pe::sdata4:
        return base + static_cast<std::uintptr_t>(fixed<std::int32_t>());
      default:
        fail();
        return 0;
    }
  }

 private:
  const std::byte* at_;
  const std::byte* end_;
  std::uintptr_t address_;
  bool ok_ = true;
};

}  // namespace rt
TAUT_END_NAMESPACE
