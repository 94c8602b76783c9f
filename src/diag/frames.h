// SPDX-License-Identifier: Apache-2.0
// Places in a reader's words: stack frames without the runtime's own, and sites. Remembers what it
// looked up. For one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "diag/snapshot.h"
#include "diag/symbolize.h"
#include "taut/diag.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct named_frame {
  std::string function;  // short
  std::string file;      // short; empty: unknown
  int line = 0;
  std::uintptr_t offset = 0;  // of the call in its function; 0: unknown or inlined
  std::uintptr_t entry = 0;   // where the function, or the one it was inlined into, starts
  std::string linked = {};    // as the linker has it; empty: the address means nothing to us
  std::string path = {};      // of the file, whole
  bool ours = false;          // in taut's own files
  bool system = false;        // in a header of the system
  bool hidden = false;        // ours, and not a function that users call
};

class frame_namer {
 public:
  // The frames of a goroutine, innermost first, inlined calls expanded.
  std::vector<const named_frame*> frames_of(const snapshot& s, const goroutine_record& g);
  // As above without the runtime's own, unless nothing were left.
  std::vector<const named_frame*> shown_frames_of(const snapshot& s, const goroutine_record& g);
  const std::vector<named_frame>& at(std::uintptr_t return_address);
  // "examples/search.cc:41"; "?" for no site.
  std::string place(site where);
  // The same in parts; without a file for no site, and without a function.
  const code_place& place_of(site where);
  // The function that the place is in, in short form; "": not known.
  const std::string& function_of(site where) { return known(where).function; }
  // Whether the place is in taut's own source: started or waited by the runtime itself.
  bool is_runtime(site where);
  static bool is_system(std::string_view file) noexcept;

 private:
  std::unordered_map<std::uintptr_t, std::vector<named_frame>> frames_;
  struct known_site {
    code_place place;
    std::string function;
    bool ours = false;
  };
  const known_site& known(site where);
  std::unordered_map<const void*, known_site> sites_;
};

}  // namespace rt
TAUT_END_NAMESPACE
