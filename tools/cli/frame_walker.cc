// SPDX-License-Identifier: Apache-2.0
// libdw unwinds "threads" of a process that it is given functions for: each goroutine is shown to
// it as one. The tables come from the files of the modules, never from the process, so a damaged
// core can only mislead a walk, which is bounded.
//
// A file that is not the one that was mapped would mislead as well: its first page must be what the
// process has there.
#include "cli/frame_walker.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>

#include "cli/frame_names.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::size_t most_frames = 512;
constexpr std::uint64_t most_stack = 8 << 20;
constexpr std::uint64_t most_handler_stack = 256 << 10, page = 4096;
constexpr std::uint64_t most_vdso = 1 << 20;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The file when it is a regular one, and as far as can be seen the one that was mapped.
int open_module(const process_memory& from, const mapping& m) {
  const int fd = ::open(from.file_of(m).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return -1;
  struct stat about{};
  char there[1024] = {}, here[1024] = {};
  if (::fstat(fd, &about) == 0 && S_ISREG(about.st_mode) &&
      ::pread(fd, here, sizeof here, 0) == static_cast<ssize_t>(sizeof here) &&
      std::memcmp(here, "\177ELF", 4) == 0 &&
      (!from.read(m.low, there, sizeof there) || std::memcmp(here, there, sizeof here) == 0))
    return fd;
  ::close(fd);
  return -1;
}

}  // namespace

struct frame_walker::walk_state {
  // A piece of a stack that a walk may read, as it was when the walk began.
  struct area {
    std::uint64_t low = 0;
    std::vector<std::byte> bytes;
    bool was_read = false;
  };
  thread_registers registers;
  std::vector<area> areas;
  std::uint32_t machine = 0;
  std::vector<std::uint64_t>* pcs = nullptr;
  bool exact = false;

  static walk_state& of(void* p) { return *static_cast<walk_state*>(p); }

  static pid_t next_thread(Dwfl*, void* argument, void** thread) {
    if (*thread != nullptr) return 0;
    *thread = argument;
    return 1;
  }
  static bool get_thread(Dwfl*, pid_t, void* argument, void** thread) {
    *thread = argument;
    return true;
  }
  static bool memory_read(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* argument) {
    for (area& a : of(argument).areas) {
      const std::uint64_t size = a.bytes.size();
      if (address < a.low || size < 8 || address - a.low > size - 8) continue;
      std::memcpy(result, a.bytes.data() + (address - a.low), 8);
      a.was_read = true;
      return true;
    }
    return false;
  }
  static bool set_registers(Dwfl_Thread* thread, void* argument) {
    const walk_state& s = of(argument);
    Dwarf_Word values[thread_registers::count];
    std::copy(s.registers.values.begin(), s.registers.values.end(), values);
    const unsigned n = s.machine == machine_x86_64 ? 17 : 32;
    if (!dwfl_thread_state_registers(thread, 0, n, values)) return false;
    dwfl_thread_state_register_pc(thread, s.registers.pc);
    return true;
  }
  static int on_frame(Dwfl_Frame* frame, void* argument) {
    walk_state& s = of(argument);
    Dwarf_Addr pc = 0;
    bool activation = false;
    if (!dwfl_frame_pc(frame, &pc, &activation) || pc == 0) return DWARF_CB_ABORT;
    // As return addresses, all of them.
    s.pcs->push_back(activation && (s.exact || !s.pcs->empty()) ? pc + 1 : pc);
    return s.pcs->size() < most_frames ? DWARF_CB_OK : DWARF_CB_ABORT;
  }
};

frame_walker::frame_walker(const process_memory& from, std::uint32_t machine)
    : from_(from), machine_(machine), state_(std::make_unique<walk_state>()) {
  static char* no_path = nullptr;
  static const Dwfl_Callbacks callbacks{dwfl_build_id_find_elf, dwfl_standard_find_debuginfo,
                                        dwfl_offline_section_address, &no_path};
  state_->machine = machine;
  dwfl_ = dwfl_begin(&callbacks);
  if (dwfl_ == nullptr) return;
  report_modules();
  static const Dwfl_Thread_Callbacks thread_callbacks{walk_state::next_thread,
                                                      walk_state::get_thread,
                                                      walk_state::memory_read,
                                                      walk_state::set_registers,
                                                      nullptr,
                                                      nullptr};
  attached_ = dwfl_attach_state(dwfl_, nullptr, 1, &thread_callbacks, state_.get());
}

frame_walker::~frame_walker() {
  if (dwfl_ != nullptr) dwfl_end(dwfl_);
}

void frame_walker::report_modules() {
  dwfl_report_begin(dwfl_);
  std::set<std::string> seen;
  for (const mapping& m : from_.mappings()) {
    if (m.path.empty() || m.offset != 0 || !seen.insert(m.path).second) continue;
    const int fd = open_module(from_, m);
    if (fd < 0) continue;
    // On success libdwfl closes the descriptor.
    if (dwfl_report_elf(dwfl_, base_name(m.path).c_str(), m.path.c_str(), fd, m.low, false) ==
        nullptr)
      ::close(fd);
  }
  report_vdso();
  dwfl_report_end(dwfl_, nullptr, nullptr);
}

// The one module without a file: it gets one in memory.
void frame_walker::report_vdso() {
  Elf64_Ehdr head{};
  if (from_.vdso() == 0 || !from_.read(from_.vdso(), &head, sizeof head) ||
      std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
    return;
  const std::uint64_t size = head.e_shoff + std::uint64_t{head.e_shnum} * head.e_shentsize;
  if (size > most_vdso) return;
  std::vector<std::byte> image(size);
  if (!from_.read(from_.vdso(), image.data(), image.size())) return;
  const int fd = ::memfd_create("vdso", MFD_CLOEXEC);
  if (fd < 0) return;
  if (::write(fd, image.data(), image.size()) != static_cast<ssize_t>(image.size()) ||
      dwfl_report_elf(dwfl_, "vdso", "vdso", fd, from_.vdso(), false) == nullptr)
    ::close(fd);
}

bool frame_walker::add_area(std::uint64_t low, std::uint64_t high) {
  if (high <= low || high - low > most_stack) return false;
  walk_state::area a{low, std::vector<std::byte>(high - low)};
  if (!from_.read(low, a.bytes.data(), a.bytes.size())) return false;
  state_->areas.push_back(std::move(a));
  return true;
}

std::vector<std::uint64_t> frame_walker::walk_parked(const thread_registers& start,
                                                     std::uint64_t stack_high) {
  state_->areas.clear();
  return add_area(start.sp, stack_high) ? walk(start, false) : std::vector<std::uint64_t>();
}

std::vector<std::uint64_t> frame_walker::walk_running(const thread_registers& start,
                                                      std::uint64_t stack_low,
                                                      std::uint64_t stack_high) {
  state_->areas.clear();
  if (start.sp >= stack_low && start.sp < stack_high)
    return add_area(start.sp, stack_high) ? walk(start, true) : std::vector<std::uint64_t>();
  std::uint64_t high = (start.sp | (page - 1)) + 1;
  while (high - start.sp < most_handler_stack && from_.get<std::byte>(high)) high += page;
  if (!add_area(start.sp, high) || !add_area(stack_low, stack_high)) return {};
  std::vector<std::uint64_t> pcs = walk(start, true);
  // If no signal's frame led to the goroutine, the thread is elsewhere: in its scheduler.
  if (!state_->areas[1].was_read) pcs.clear();
  return pcs;
}

std::vector<std::uint64_t> frame_walker::walk(const thread_registers& start, bool exact) {
  std::vector<std::uint64_t> pcs;
  walk_state& s = *state_;
  s.registers = start;
  s.pcs = &pcs;
  s.exact = exact;
  if (attached_) dwfl_getthread_frames(dwfl_, 1, walk_state::on_frame, &s);
  if (pcs.size() > 1) return pcs;
  // Without tables: by frame pointers, which all of taut keeps, and programs if they were built so.
  pcs.assign(1, exact ? start.pc + 1 : start.pc);
  const walk_state::area& stack = s.areas[0];
  const std::uint64_t high = stack.low + stack.bytes.size();
  std::uint64_t fp = start.values[machine_ == machine_x86_64 ? 6 : 29], least = start.sp;
  while (pcs.size() < most_frames && fp >= least && fp % 8 == 0 && fp <= high - 16) {
    std::uint64_t pair[2];
    std::memcpy(pair, stack.bytes.data() + (fp - stack.low), sizeof pair);
    if (pair[1] == 0) break;
    pcs.push_back(pair[1]);
    least = fp + 16;
    fp = pair[0];
  }
  return pcs;
}

const std::vector<frame>& frame_walker::names_of(std::uint64_t pc) {
  auto [found, fresh] = names_.try_emplace(pc);
  if (fresh) found->second = look_up(pc - 1);
  return found->second;
}

std::vector<frame> frame_walker::look_up(std::uint64_t pc) {
  std::vector<frame> found;
  Dwfl_Module* module = dwfl_ == nullptr ? nullptr : dwfl_addrmodule(dwfl_, pc);
  if (module == nullptr) {
    for (const mapping& m : from_.mappings()) {
      if (pc >= m.low && pc < m.high && !m.path.empty()) {
        found.push_back({base_name(m.path) + "+" + hexadecimal(pc - m.low + m.offset), "", 0});
        return found;
      }
    }
    found.push_back({hexadecimal(pc), "", 0});
    return found;
  }
  frame here;
  if (Dwfl_Line* line = dwfl_module_getsrc(module, pc)) {
    int number = 0;
    if (const char* file = dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr)) {
      here.file = file;
      here.line = static_cast<std::uint64_t>(std::max(number, 0));
    }
  }
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module, pc, &bias);
  std::vector<Dwarf_Die> scopes;
  if (unit != nullptr) scopes = scopes_.at(*unit, pc - bias);
  GElf_Off offset = 0;
  GElf_Sym symbol;
  const char* linked =
      dwfl_module_addrinfo(module, pc, &offset, &symbol, nullptr, nullptr, nullptr);
  for (Dwarf_Die& scope : scopes) {
    const int tag = dwarf_tag(&scope);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
    here.function = function_name(scope, linked);
    found.push_back(here);
    if (tag == DW_TAG_subprogram) break;
    here = {};
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    Dwarf_Files* files = nullptr;
    if (dwarf_formudata(dwarf_attr(&scope, DW_AT_call_file, &attribute), &value) == 0 &&
        dwarf_getsrcfiles(unit, &files, nullptr) == 0) {
      if (const char* file = dwarf_filesrc(files, value, nullptr, nullptr)) here.file = file;
    }
    if (dwarf_formudata(dwarf_attr(&scope, DW_AT_call_line, &attribute), &value) == 0)
      here.line = value;
  }
  if (found.empty()) found.push_back(here);
  // The outermost is the linker's own.
  if (linked != nullptr) {
    found.back().function = function_name(linked);
  } else if (found.back().function.empty()) {
    Dwarf_Addr low = 0;
    const char* file =
        dwfl_module_info(module, nullptr, &low, nullptr, nullptr, nullptr, nullptr, nullptr);
    found.back().function = std::string(file == nullptr ? "?" : file) + "+" + hexadecimal(pc - low);
  }
  return found;
}

bool frame_walker::calls(std::uint64_t return_address, std::uint64_t inside) const {
  Dwfl_Module* module = dwfl_ == nullptr ? nullptr : dwfl_addrmodule(dwfl_, inside - 1);
  GElf_Off offset = 0;
  GElf_Sym symbol;
  if (module == nullptr || dwfl_module_addrinfo(module, inside - 1, &offset, &symbol, nullptr,
                                                nullptr, nullptr) == nullptr)
    return false;
  const std::uint64_t start = inside - 1 - offset;
  if (machine_ == machine_x86_64) {
    std::byte code[5];  // e8 and a distance
    std::int32_t distance = 0;
    if (!from_.read(return_address - sizeof code, code, sizeof code)) return false;
    std::memcpy(&distance, code + 1, sizeof distance);
    return code[0] == std::byte{0xe8} &&
           return_address + static_cast<std::uint64_t>(std::int64_t{distance}) == start;
  }
  const auto code = from_.get<std::uint32_t>(return_address - 4);  // bl, in words
  if (!code || *code >> 26 != 0x25) return false;
  const std::int64_t words = static_cast<std::int32_t>(*code << 6) >> 6;
  return return_address - 4 + static_cast<std::uint64_t>(words * 4) == start;
}

void frame_walker::name(const std::vector<std::uint64_t>& pcs, std::vector<frame>& to) {
  for (std::uint64_t pc : pcs) {
    const std::vector<frame>& here = names_of(pc);
    to.insert(to.end(), here.begin(), here.end());
  }
}

}  // namespace taut::cli
