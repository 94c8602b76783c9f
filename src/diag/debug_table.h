// SPDX-License-Identifier: Apache-2.0
// The debug table: where the runtime's records lie and how they are laid out, for readers that have
// nothing but the memory of a process: GDB, the taut command, a core file.
//
// It is found by the symbol taut_debug_table_v1, or in a stripped program by its first 16 bytes in
// writable memory of a module. `self` holds its own address once the runtime has started, so a copy
// of those bytes is no table. Fields are found by name: a reader takes what it knows, and what a
// version lacks is absent.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

extern "C" {

struct taut_debug_field {
  char name[40];         // "goroutine.id"; "goroutine" alone is the whole structure
  std::uint32_t offset;  // from the beginning of the structure
  std::uint32_t size;
};

// A list of texts inside the table; an enumeration's value is the index.
struct taut_debug_texts {
  std::uint32_t offset, count, width;
};

struct taut_debug_table {
  char magic[16];
  std::uint32_t version, size;
  std::uint64_t self;                   // its address; 0: the runtime has never started
  std::uint32_t machine, pointer_size;  // ELF's e_machine
  std::uint64_t slabs, slab_count;      // addresses of an array of pointers, and of its int count
  std::uint64_t workers, worker_count;  // the same of the workers
  std::uint64_t coarse_time;            // address of the scheduler's time some milliseconds ago
  std::int64_t stopped_at;              // the scheduler's time when a fatal signal came, or 0
  std::uint64_t stopped_goroutine;      // who got it; 0: no goroutine
  std::uint32_t stopped_by;             // the signal
  std::uint32_t fields_offset, field_count, field_size;
  taut_debug_texts states, reasons, worker_states;
};

}  // extern "C"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Fills in the addresses. Called when the runtime starts.
void publish_debug_table() noexcept;
const taut_debug_table& debug_table() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
