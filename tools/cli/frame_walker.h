// SPDX-License-Identifier: Apache-2.0
// Frames and their names, out of process: unwinding and symbols by elfutils' libdw, from the
// modules' files.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cli/code_scopes.h"
#include "cli/model.h"
#include "cli/process_memory.h"

struct Dwfl;

namespace taut::cli {

class frame_walker {
 public:
  frame_walker(const process_memory& from, std::uint32_t machine);
  ~frame_walker();
  frame_walker(const frame_walker&) = delete;
  frame_walker& operator=(const frame_walker&) = delete;

  // Program counters, innermost first, of a parked goroutine. Only [sp, stack_high) is read.
  std::vector<std::uint64_t> walk_parked(const thread_registers& start, std::uint64_t stack_high);
  // Of a thread that may run a goroutine with the stack [stack_low, stack_high); empty when it does
  // not. A signal handler's frames, on a stack of its own, come first.
  std::vector<std::uint64_t> walk_running(const thread_registers& start, std::uint64_t stack_low,
                                          std::uint64_t stack_high);
  // What the frames of a walk are called; inlined calls are expanded.
  void name(const std::vector<std::uint64_t>& pcs, std::vector<frame>& to);
  // Whether what stands before a return address is a call of the function that `inside` lies in.
  bool calls(std::uint64_t return_address, std::uint64_t inside) const;

 private:
  struct walk_state;
  bool add_area(std::uint64_t low, std::uint64_t high);
  std::vector<std::uint64_t> walk(const thread_registers& start, bool exact);
  const std::vector<frame>& names_of(std::uint64_t pc);
  std::vector<frame> look_up(std::uint64_t pc);
  void report_modules();
  void report_vdso();

  const process_memory& from_;
  std::uint32_t machine_;
  Dwfl* dwfl_ = nullptr;
  bool attached_ = false;
  std::unique_ptr<walk_state> state_;
  code_scopes scopes_;
  std::unordered_map<std::uint64_t, std::vector<frame>> names_;
};

}  // namespace taut::cli
