// SPDX-License-Identifier: Apache-2.0
// Goroutines, read through taut's debug table from the memory of a process that does nothing for
// it. The table's layout is in docs/internals/diag.md; this file knows no structure of libtaut's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/process_memory.h"

namespace taut::cli {

class frame_walker;

struct table_site {
  std::string file;
  std::uint32_t line = 0;
};

struct table_goroutine {
  std::uint64_t id = 0, parent = 0;
  std::string state, reason;       // of goroutine, of its wait
  std::uint64_t reason_index = 0;  // several have one text
  bool waits = false;
  bool pinned = false;
  std::int64_t since = 0;  // scheduler's clock
  std::uint64_t object = 0;
  std::uint64_t cases = 0, case_list = 0;  // of a select
  std::uint64_t dispatches = 0;
  table_site created, waits_at;
  std::uint64_t sp = 0, stack_low = 0, stack_high = 0;
  int thread = 0;  // that runs it, else 0
  std::uint64_t address = 0;
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
};

class debug_table {
 public:
  // Finds the table in the writable memory of the modules. Throws user_error when there is none,
  // or none that can be read.
  debug_table(const process_memory& from, const std::string& name);

  struct answer {
    std::vector<table_goroutine> goroutines;
    std::uint64_t unreadable = 0;  // pieces of the list
    std::int64_t now = 0;          // scheduler's clock
    bool now_is_exact = false;     // else a lower bound
  };
  answer read() const;
  // What a goroutine waits for: "chan 0x7f... (cap 0, len 0), made at search.cc:12". `names` tells
  // where a guard of the standard library was made. See object_text.cc.
  std::string object_text(const table_goroutine& g, frame_walker& names) const;
  // Whether it is parked as it was: what has been read of its stack holds.
  bool unchanged(const table_goroutine& g) const;
  // The registers that its switch has saved; false when they cannot be read.
  bool saved_registers(const table_goroutine& g, thread_registers& to) const;
  std::uint32_t machine() const { return machine_; }

 private:
  struct field {
    std::uint32_t offset = 0, size = 0;
  };
  using bytes = std::vector<std::byte>;
  bool find(const std::string& name);
  void read_head(std::uint64_t address, const std::string& name);
  std::vector<std::string> texts_of(const bytes& whole, std::size_t at) const;
  std::uint64_t get(const std::byte* record, const char* name) const;
  // 0 where the program's table does not have it.
  std::uint64_t optional(const std::byte* record, const char* name) const;
  std::uint32_t size_of(const char* kind) const { return fields_.at(kind).size; }
  bool record(std::uint64_t address, const char* kind, bytes& to) const;
  std::vector<std::uint64_t> pointers(std::uint64_t array, std::uint64_t count,
                                      std::uint64_t most) const;
  table_goroutine goroutine_of(const std::byte* record) const;
  const table_site& site_at(std::uint64_t address) const;
  std::string place(std::uint64_t site) const;  // "file:line"; empty: none
  std::string channel_text(std::uint64_t address) const;
  std::string cases_text(const table_goroutine& g) const;
  std::string lock_text(std::uint64_t address, frame_walker& names) const;
  // Where the owner locked; empty: not known.
  std::string lock_place(const bytes& lock, frame_walker& names) const;
  // How many reasons of the same text stand before this one.
  std::size_t rank_of(const table_goroutine& g) const;

  const process_memory& from_;
  std::uint32_t machine_ = 0;
  std::uint64_t slabs_ = 0, slab_count_ = 0, workers_ = 0, worker_count_ = 0, coarse_time_ = 0;
  std::int64_t stopped_at_ = 0;
  std::map<std::string, field, std::less<>> fields_;
  std::vector<std::string> states_, reasons_, worker_states_;
  mutable std::map<std::uint64_t, table_site> sites_;
};

}  // namespace taut::cli
