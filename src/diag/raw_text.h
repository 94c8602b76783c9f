// SPDX-License-Identifier: Apache-2.0
// Text for a dying process: a buffer of its own and write(2), no allocation. And the names of
// modules, from the kernel's list of mappings, for the loader's may be locked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "diag/mapped_array.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class raw_text {
 public:
  explicit raw_text(int fd) noexcept : fd_(fd) {}
  raw_text(const raw_text&) = delete;
  raw_text& operator=(const raw_text&) = delete;
  ~raw_text() { flush(); }

  raw_text& operator<<(std::string_view text) noexcept;
  raw_text& operator<<(const char* text) noexcept { return *this << std::string_view(text); }
  raw_text& number(std::int64_t value) noexcept;
  raw_text& hexadecimal(std::uint64_t value) noexcept;  // with 0x
  // A string of the process's that may not be there.
  raw_text& foreign(const char* text) noexcept;
  void flush() noexcept;

 private:
  int fd_;
  std::size_t used_ = 0;
  char buffer_[1024];
};

class module_map {
 public:
  // Reads /proc/self/maps.
  module_map() noexcept;
  // "libfoo.so+0x1234", the offset being what addr2line wants; the plain address outside modules.
  void write(raw_text& to, std::uintptr_t pc) const noexcept;
  // The end of the mapping that contains the address; 0: none does.
  std::uintptr_t end_of(std::uintptr_t address) const noexcept;

 private:
  struct range {
    std::uintptr_t low, high, base;
    std::uint32_t name;  // offset in names_; 0: no file
  };
  void add(std::string_view line) noexcept;

  mapped_array<range> ranges_;
  mapped_array<char> names_;
};

}  // namespace rt
TAUT_END_NAMESPACE
