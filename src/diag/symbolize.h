// SPDX-License-Identifier: Apache-2.0
// A program counter as a reader wants it: function, file and line, with inlined calls expanded.
//
// For printing: takes a lock, allocates, and the first call reads the program's debug information
// (about 100 ms and 37 MB for a large program). Not for signal handlers. With TAUT_SYMBOLIZE=0 in
// the environment nothing is read, and functions are named as module+0xoffset for addr2line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct symbol_frame {
  std::string function;  // demangled; module+0xoffset or 0xaddress if nothing is known
  std::string linked;    // as the linker has it: mangled; empty: not known
  std::string file;      // as the debug information has it, absolute; empty: unknown
  int line = 0;          // 0: unknown
  std::uintptr_t entry =
      0;                 // where the function, or the one it was inlined into, starts; 0: unknown
  bool inlined = false;  // into the frame that follows
  std::string symbol;    // of the last frame: as the linker knows it, demangled; empty: unknown
};

// The frames at one return address, innermost first, never none. Looks up the call, which is the
// instruction before; for the address of an instruction that did not call, pass one more.
std::vector<symbol_frame> symbolize(std::uintptr_t return_address);

// Whether debug information is read: not with TAUT_SYMBOLIZE=0.
bool symbolizes() noexcept;

// `file` without the directory the process runs in, or taut's own source directory.
std::string short_path(std::string_view file);

// A function name without what only the compiler needs: return type, template arguments, its own
// parameters, ABI tags.  main::{lambda(int)#1}::operator()(int) const  is  main::{lambda}.
std::string short_function(std::string_view demangled);

// The lambda among the template arguments of a demangled function, in short form; "": none. What
// calls a closure is named after it, whereas the closure's own inlined call is just operator().
std::string lambda_in(std::string_view demangled);

}  // namespace rt
TAUT_END_NAMESPACE
