// SPDX-License-Identifier: Apache-2.0
// What the loader knows of an address, without its lock: a thread may hold that for ever, in the
// constructor of a library that it opens.
#pragma once

#include <cstdint>
#include <string>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct exported_symbol {
  std::string name;  // as the linker has it; empty: none covers the address
  std::uintptr_t at = 0;
};

// A program or library that is loaded.
class loaded_object {
 public:
  // The one whose mapping holds the address.
  static bool holds(const void* address) noexcept;
  static bool find(std::uintptr_t address, loaded_object& to);

  const std::string& path() const noexcept { return path_; }
  std::uintptr_t base() const noexcept { return base_; }  // 0 of a program at a fixed address
  // The exported function that holds the address. Reads by the kernel's copy, for the object may be
  // unloaded meanwhile.
  exported_symbol symbol_at(std::uintptr_t address) const;

 private:
  std::string path_;
  std::uintptr_t base_ = 0, dynamic_ = 0;
};

}  // namespace rt
TAUT_END_NAMESPACE
