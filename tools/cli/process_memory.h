// SPDX-License-Identifier: Apache-2.0
// The memory of another process, or of one that has left a core file. Nothing that it holds is
// trusted: every read is checked and bounded, and a failed one is an answer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace taut::cli {

// A mapped file, or a nameless piece of memory.
struct mapping {
  std::uint64_t low = 0, high = 0, offset = 0;
  bool writable = false;
  std::string path;  // empty: no file
};

// What finds a thread's frames, by DWARF number; those not known are 0.
struct thread_registers {
  static constexpr std::size_t count = 33;
  std::array<std::uint64_t, count> values{};
  std::uint64_t pc = 0, sp = 0;
};

// e_machine of the two processors that taut runs on.
inline constexpr std::uint32_t machine_x86_64 = 62, machine_aarch64 = 183;

class process_memory {
 public:
  virtual ~process_memory() = default;
  // All of it, or false.
  virtual bool read(std::uint64_t address, void* to, std::size_t size) const = 0;
  // Registers of a thread; a live one is stopped for as long as `while_stopped` takes, so that its
  // stack can be read as it is then. False: there is no such thread, or it may not be looked into.
  template <class F>
  bool look_at_thread(int tid, F&& while_stopped) const {
    const std::optional<thread_registers> registers = stop(tid);
    if (registers) while_stopped(*registers);
    if (registers) let_go(tid);
    return registers.has_value();
  }
  const std::vector<mapping>& mappings() const { return mappings_; }
  // Where the kernel has mapped its own functions, such as clock_gettime; 0: not known. No file has
  // them.
  std::uint64_t vdso() const { return vdso_; }
  // Where a mapped file's bytes are to be had; what the kernel shows of it when it was replaced.
  virtual std::string file_of(const mapping& m) const { return m.path; }
  virtual bool live() const = 0;

  template <class T>
  std::optional<T> get(std::uint64_t address) const {
    T value;
    if (!read(address, &value, sizeof value)) return std::nullopt;
    return value;
  }
  // A C string of at most `most` bytes; empty where there is none.
  std::string text(std::uint64_t address, std::size_t most = 512) const;

 protected:
  virtual std::optional<thread_registers> stop(int tid) const = 0;
  virtual void let_go(int tid) const = 0;
  std::vector<mapping> mappings_;
  std::uint64_t vdso_ = 0;
};

// Throw user_error. The process needs to do nothing, not even to run.
std::unique_ptr<process_memory> open_process_memory(std::uint64_t pid);
std::unique_ptr<process_memory> open_core_memory(const std::string& path);

// The general registers as the kernel gives them (user_regs_struct), of either processor.
thread_registers registers_from(std::uint32_t machine, const std::byte* raw, std::size_t size);

}  // namespace taut::cli
