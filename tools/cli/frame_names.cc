// SPDX-License-Identifier: Apache-2.0
// The linker's name says all. What has none, as everything in a nameless namespace and most
// lambdas, is put together as the demangler would write it: from the entries around its own.
#include "cli/frame_names.h"

#include <cxxabi.h>
#include <dwarf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "diag/symbolize.h"

namespace taut::cli {
namespace {

constexpr int most_nested = 8;

std::string demangled(std::string name) {
  name.resize(std::min(name.size(), name.find('@')));  // read@@GLIBC_2.2.5
  // "i" would become "int".
  if (!name.starts_with("_Z")) return name;
  int status = 0;
  char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return result;
}

const char* text_of(const Dwarf_Die& entry, unsigned attribute) {
  Dwarf_Die copy = entry;
  Dwarf_Attribute found;
  return dwarf_attr_integrate(&copy, attribute, &found) == nullptr ? nullptr
                                                                   : dwarf_formstring(&found);
}

// Where it was declared: there it stands in its class and its namespace.
Dwarf_Die declaration_of(Dwarf_Die entry) {
  for (int i = 0; i < most_nested; ++i) {
    Dwarf_Attribute attribute;
    Dwarf_Die next;
    if ((dwarf_attr(&entry, DW_AT_abstract_origin, &attribute) == nullptr &&
         dwarf_attr(&entry, DW_AT_specification, &attribute) == nullptr) ||
        dwarf_formref_die(&attribute, &next) == nullptr)
      break;
    entry = next;
  }
  return entry;
}

bool has_parameters(Dwarf_Die function) {
  Dwarf_Die child;
  if (dwarf_child(&function, &child) != 0) return false;
  do {
    if (dwarf_tag(&child) == DW_TAG_formal_parameter &&
        dwarf_hasattr_integrate(&child, DW_AT_artificial) == 0)
      return true;
  } while (dwarf_siblingof(&child, &child) == 0);
  return false;
}

std::string whole_name(const Dwarf_Die& function, int depth = 0) {
  for (unsigned kind : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    if (const char* linked = text_of(function, kind)) return demangled(linked);
  }
  const char* own = text_of(function, DW_AT_name);
  if (own == nullptr) return {};
  std::string name = own;
  Dwarf_Die declared = declaration_of(function);
  Dwarf_Die* around = nullptr;
  const int n = dwarf_getscopes_die(&declared, &around);
  for (int i = 1; i < n; ++i) {
    const char* outer = dwarf_diename(&around[i]);
    switch (dwarf_tag(&around[i])) {
      case DW_TAG_namespace:
        name.insert(0, (outer == nullptr ? "(anonymous namespace)" : std::string(outer)) + "::");
        break;
      case DW_TAG_structure_type:
      case DW_TAG_class_type:
      case DW_TAG_union_type: {
        const bool lambda = outer == nullptr || std::strncmp(outer, "<lambda", 7) == 0;
        name.insert(0, (lambda ? "{lambda()}" : std::string(outer)) + "::");
        break;
      }
      case DW_TAG_subprogram:
        if (depth < most_nested) name.insert(0, whole_name(around[i], depth + 1) + "::");
        i = n;
        break;
    }
  }
  std::free(around);
  // As the demangler does of what something stands in; main alone is known by its name only.
  if (depth > 0 && name != "main") name += has_parameters(declared) ? "(...)" : "()";
  return name;
}

// The name without what stands in parentheses.
std::string without_parameters(std::string_view name) {
  constexpr std::string_view nameless = "(anonymous namespace)";
  std::string kept;
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (depth == 0 && name.substr(i).starts_with(nameless)) {
      kept += nameless;
      i += nameless.size() - 1;
      continue;
    }
    if (name[i] == '(') ++depth;
    if (depth == 0) kept += name[i];
    if (name[i] == ')') --depth;
  }
  return kept;
}

}  // namespace

std::string function_name(const char* linked) { return rt::short_function(demangled(linked)); }

std::string function_name(const Dwarf_Die& entry, const char* around) {
  std::string name = rt::short_function(whole_name(entry));
  if (around == nullptr || !name.ends_with("{lambda}")) return name;
  // What calls a lambda is named after it, with the parameters that are not known here.
  const std::string called = rt::lambda_in(demangled(around));
  return without_parameters(called) == without_parameters(name) ? called : name;
}

}  // namespace taut::cli
