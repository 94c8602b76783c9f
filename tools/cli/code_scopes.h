// SPDX-License-Identifier: Apache-2.0
// What of a program's debug information describes an address: the function whose code it is, and
// the blocks and inlined functions in that. libdw's own search is not used: it leaves out functions
// whose entry stands inside that of another one without this code, as a lambda's does.
#pragma once

#include <elfutils/libdw.h>

#include <unordered_map>
#include <vector>

namespace taut::cli {

// Reads the functions of a compilation unit once. Not safe to use from several threads.
class code_scopes {
 public:
  // at() is the function and what is nested in it at the address, innermost first; empty where
  // nothing is known. The address is the unit's, without the module's bias.
  std::vector<Dwarf_Die> at(Dwarf_Die unit, Dwarf_Addr pc);

 private:
  struct function {
    Dwarf_Addr low = 0, high = 0;
    Dwarf_Die entry{};
  };

  static std::vector<function> functions_of(const Dwarf_Die& unit);

  std::unordered_map<const void*, std::vector<function>> units_;  // by where the unit's entry lies
};

}  // namespace taut::cli
