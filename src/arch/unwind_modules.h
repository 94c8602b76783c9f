// SPDX-License-Identifier: Apache-2.0
// The loaded modules and their unwind tables, as the last refresh_modules() found them. Readers
// take no lock and may be signal handlers; what they get stays valid for ever.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/eh_frame.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct loaded_module {
  std::uintptr_t text_low = 0, text_high = 0;
  unwind_table table;
};

struct module_table {
  std::uint64_t generation = 0;               // changes when a module went away
  unsigned long long added = 0, removed = 0;  // the loader's counts at that time
  std::size_t count = 0;
  std::size_t capacity = 0;
  loaded_module modules[1];  // `capacity` of them; the first `count`, sorted by address

  // The module whose code holds `pc`, or null.
  const loaded_module* find(std::uintptr_t pc) const noexcept;
};

// Null before the first refresh_modules().
const module_table* current_modules() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
