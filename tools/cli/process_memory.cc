// SPDX-License-Identifier: Apache-2.0
// A live process: process_vm_readv and /proc. A thread's registers by ptrace, which stops it for
// the time of a look, and works on one that is stopped already.
#include "cli/process_memory.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "cli/error.h"

namespace taut::cli {
namespace {

class live_memory final : public process_memory {
 public:
  explicit live_memory(pid_t pid) : pid_(pid), name_("process " + std::to_string(pid)) {
    read_mappings();
    std::byte probe;
    if (mappings_.empty() || !read(mappings_.front().low, &probe, 1)) {
      if (!mappings_.empty() && (errno == EPERM || errno == EACCES)) denied(errno);
      throw user_error(
          name_ +
          " has no memory of its own: it is ending, or a thread of the kernel's; check "
          "the number.");
    }
  }

  bool read(std::uint64_t address, void* to, std::size_t size) const override {
    const iovec here{to, size}, there{reinterpret_cast<void*>(address), size};
    return ::process_vm_readv(pid_, &here, 1, &there, 1, 0) == static_cast<ssize_t>(size);
  }
  std::string file_of(const mapping& m) const override {
    // Right even when the file has been replaced, or lies in a container.
    char name[96];
    std::snprintf(name, sizeof name, "/proc/%d/map_files/%llx-%llx", pid_,
                  static_cast<unsigned long long>(m.low), static_cast<unsigned long long>(m.high));
    if (::access(name, R_OK) == 0) return name;
    return "/proc/" + std::to_string(pid_) + "/root" + m.path;
  }
  bool live() const override { return true; }

 protected:
  std::optional<thread_registers> stop(int tid) const override {
    if (::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) return std::nullopt;
    int status = 0;
    if (::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) == 0 && wait_for(tid, status)) {
      std::byte raw[512];
      iovec where{raw, sizeof raw};
      if (::ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &where) == 0) {
#if defined(__aarch64__)
        return registers_from(machine_aarch64, raw, where.iov_len);
#else
        return registers_from(machine_x86_64, raw, where.iov_len);
#endif
      }
    }
    let_go(tid);
    return std::nullopt;
  }
  void let_go(int tid) const override { ::ptrace(PTRACE_DETACH, tid, nullptr, nullptr); }

 private:
  // A thread in an uninterruptible call of the kernel's does not stop: not waited for longer than
  // this.
  static bool wait_for(int tid, int& status) {
    for (int i = 0; i < 200; ++i) {
      const pid_t got = ::waitpid(tid, &status, __WALL | WNOHANG);
      if (got == tid) return WIFSTOPPED(status);
      if (got < 0) return false;
      ::usleep(1000);
    }
    return false;
  }

  [[noreturn]] void denied(int error) const {
    const std::string what = name_ + " may not be looked into (" + std::strerror(error) + "); ";
    if (::geteuid() == 0)
      throw user_error(what +
                       "root here lacks CAP_SYS_PTRACE in its namespace, or a security policy "
                       "protects it: look from where it was started.");
    throw user_error(what +
                     "run as its user or as root, and see /proc/sys/kernel/yama/ptrace_scope.");
  }

  void read_mappings() {
    std::ifstream maps("/proc/" + std::to_string(pid_) + "/maps");
    if (!maps && (errno == EACCES || errno == EPERM)) denied(errno);
    if (!maps) throw user_error("there is no " + name_ + "; check the number.");
    for (std::string line; std::getline(maps, line);) {
      std::istringstream parts(line);
      mapping m;
      char dash = 0;
      std::string access, device, inode;
      parts >> std::hex >> m.low >> dash >> m.high >> access >> m.offset >> device >> inode >>
          std::ws;
      std::getline(parts, m.path);
      m.writable = access.size() > 1 && access[1] == 'w';
      if (m.path == "[vdso]") vdso_ = m.low;
      if (!m.path.starts_with('/')) m.path.clear();
      if (const std::size_t gone = m.path.rfind(" (deleted)"); gone != std::string::npos)
        m.path.erase(gone);
      if (m.high > m.low) mappings_.push_back(m);
    }
  }

  pid_t pid_;
  std::string name_;
};

}  // namespace

std::string process_memory::text(std::uint64_t address, std::size_t most) const {
  std::string found;
  while (address != 0 && found.size() < most) {
    char piece[64];
    const std::size_t n =
        std::min(sizeof piece - (address + found.size()) % sizeof piece, most - found.size());
    if (!read(address + found.size(), piece, n)) break;
    const void* end = std::memchr(piece, 0, n);
    found.append(piece, end == nullptr
                            ? n
                            : static_cast<std::size_t>(static_cast<const char*>(end) - piece));
    if (end != nullptr) break;
  }
  for (char& c : found) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return found;
}

thread_registers registers_from(std::uint32_t machine, const std::byte* raw, std::size_t size) {
  thread_registers r;
  auto word = [&](std::size_t i) {
    std::uint64_t value = 0;
    if ((i + 1) * 8 <= size) std::memcpy(&value, raw + i * 8, 8);
    return value;
  };
  if (machine == machine_x86_64) {
    // user_regs_struct's order against DWARF's: rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip.
    constexpr std::size_t at[17] = {10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16};
    for (std::size_t i = 0; i < 17; ++i) r.values[i] = word(at[i]);
    r.sp = word(19);
    r.pc = word(16);
  } else {
    for (std::size_t i = 0; i < 32; ++i) r.values[i] = word(i);  // x0..x30, sp
    r.sp = word(31);
    r.pc = word(32);
  }
  return r;
}

std::unique_ptr<process_memory> open_process_memory(std::uint64_t pid) {
  if (pid == 0 || pid > 0x7fffffff)
    throw user_error("there is no process " + std::to_string(pid) + "; check the number.");
  return std::make_unique<live_memory>(static_cast<pid_t>(pid));
}

}  // namespace taut::cli
