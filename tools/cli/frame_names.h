// SPDX-License-Identifier: Apache-2.0
// What functions are called, by libtaut's own rules: a place has one name, whoever tells it.
#pragma once

#include <elfutils/libdw.h>

#include <string>

namespace taut::cli {

// Of a name as the linker has it: "taut::rt::park" of _ZN4taut2v02rt4parkEPNS1_9goroutineE.
std::string function_name(const char* linked);
// Of an entry of the debug information. `around` is the linker's name of the function that it is
// inlined into; null: not known.
std::string function_name(const Dwarf_Die& entry, const char* around);

}  // namespace taut::cli
