// SPDX-License-Identifier: Apache-2.0
// What of a program's debug information describes an address. See the header. The information may
// be damaged: depth and number of entries are bounded.
#include "cli/code_scopes.h"

#include <dwarf.h>

#include <cstddef>

namespace taut::cli {
namespace {

constexpr std::size_t most_nested = 64;
constexpr std::size_t most_entries = 1 << 24;  // of a unit

bool may_hold_functions(int tag) {
  switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
      return true;
  }
  return false;
}

bool is_scope(int tag) {
  switch (tag) {
    case DW_TAG_inlined_subroutine:
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
      return true;
  }
  return false;
}

}  // namespace

std::vector<code_scopes::function> code_scopes::functions_of(const Dwarf_Die& unit) {
  std::vector<function> found;
  std::vector<Dwarf_Die> path{unit};
  std::size_t entries = 0;
  Dwarf_Die next;
  // Depth first. Each entry on the path is one whose children are being looked at.
  bool more = dwarf_child(&path.back(), &next) == 0;
  while (more && ++entries < most_entries) {
    const int tag = dwarf_tag(&next);
    if (tag == DW_TAG_subprogram) {
      function f;
      Dwarf_Addr base = 0;
      f.entry = next;
      for (std::ptrdiff_t at = 0; (at = dwarf_ranges(&next, at, &base, &f.low, &f.high)) > 0;)
        found.push_back(f);
    }
    Dwarf_Die child;
    if (may_hold_functions(tag) && path.size() < most_nested && dwarf_child(&next, &child) == 0) {
      path.push_back(next);
      next = child;
      continue;
    }
    more = dwarf_siblingof(&next, &next) == 0;
    while (!more && path.size() > 1) {
      next = path.back();
      path.pop_back();
      more = dwarf_siblingof(&next, &next) == 0;
    }
  }
  return found;
}

std::vector<Dwarf_Die> code_scopes::at(Dwarf_Die unit, Dwarf_Addr pc) {
  auto [known, fresh] = units_.try_emplace(unit.addr);
  if (fresh) known->second = functions_of(unit);
  std::vector<Dwarf_Die> scopes;
  for (const function& f : known->second) {
    if (pc < f.low || pc >= f.high) continue;
    scopes.push_back(f.entry);
    break;
  }
  if (scopes.empty()) return scopes;
  Dwarf_Die next;
  bool more = dwarf_child(&scopes.back(), &next) == 0;
  while (more && scopes.size() < most_nested) {
    if (is_scope(dwarf_tag(&next)) && dwarf_haspc(&next, pc) == 1) {
      scopes.push_back(next);
      more = dwarf_child(&scopes.back(), &next) == 0;
    } else {
      more = dwarf_siblingof(&next, &next) == 0;
    }
  }
  return {scopes.rbegin(), scopes.rend()};
}

}  // namespace taut::cli
