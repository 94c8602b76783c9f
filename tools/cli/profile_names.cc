// SPDX-License-Identifier: Apache-2.0
// A profile's mappings stand for a process's memory of which nothing can be read. They are those of
// code only: where the file's beginning was follows from its program headers.
#include "cli/profile_names.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>

#include "cli/frame_walker.h"
#include "cli/process_memory.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

constexpr std::uint64_t page = 4096;

struct elf_file {
  explicit elf_file(const std::string& path)
      : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    struct stat about{};
    if (fd < 0 || ::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return;
    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ_MMAP, nullptr);
  }
  elf_file(const elf_file&) = delete;
  elf_file& operator=(const elf_file&) = delete;
  ~elf_file() {
    if (elf != nullptr) elf_end(elf);
    if (fd >= 0) ::close(fd);
  }
  int fd;
  Elf* elf = nullptr;
};

std::string build_id_of(Elf* elf) {
  const void* bytes = nullptr;
  const ssize_t size = dwelf_elf_gnu_build_id(elf, &bytes);
  std::string text;
  for (ssize_t i = 0; i < size; ++i) {
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    text += "0123456789abcdef"[byte / 16];
    text += "0123456789abcdef"[byte % 16];
  }
  return text;
}

// Where the mapped file begins in memory; nothing when the file here is not the one.
std::optional<std::uint64_t> begin_of(const profile_mapping& m, std::uint32_t& machine) {
  if (!m.file.starts_with('/')) return std::nullopt;
  const elf_file file(m.file);
  GElf_Ehdr head;
  std::size_t count = 0;
  if (file.elf == nullptr || gelf_getehdr(file.elf, &head) == nullptr ||
      elf_getphdrnum(file.elf, &count) != 0 ||
      (!m.build_id.empty() && build_id_of(file.elf) != m.build_id))
    return std::nullopt;
  machine = head.e_machine;
  std::optional<std::uint64_t> first, bias;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr p;
    if (gelf_getphdr(file.elf, static_cast<int>(i), &p) == nullptr || p.p_type != PT_LOAD) continue;
    if (!first) first = p.p_vaddr / page * page;
    if ((p.p_flags & PF_X) != 0 && p.p_offset / page * page == m.offset)
      bias = m.low - p.p_vaddr / page * page;
  }
  if (!first || !bias) return std::nullopt;
  return *bias + *first;
}

class profile_memory final : public process_memory {
 public:
  explicit profile_memory(const std::vector<profile_mapping>& all) {
    for (const profile_mapping& m : all) {
      if (const auto begin = begin_of(m, machine)) {
        mappings_.push_back({*begin, m.high, 0, false, m.file});
        same_.insert(m.file);
      }
      if (m.offset != 0) mappings_.push_back({m.low, m.high, m.offset, false, m.file});
    }
    // What has no file here is found before what has: an offset is that in the file.
    std::stable_sort(mappings_.begin(), mappings_.end(),
                     [](const mapping& a, const mapping& b) { return a.offset > b.offset; });
  }
  bool read(std::uint64_t, void*, std::size_t) const override { return false; }
  std::string file_of(const mapping& m) const override {
    return same_.contains(m.path) ? m.path : std::string();
  }
  bool live() const override { return false; }

  std::uint32_t machine = machine_x86_64;

 protected:
  std::optional<thread_registers> stop(int) const override { return std::nullopt; }
  void let_go(int) const override {}

 private:
  std::set<std::string> same_;
};

}  // namespace

struct profile_names::files {
  explicit files(const std::vector<profile_mapping>& all)
      : memory(all), walker(memory, memory.machine) {}
  profile_memory memory;
  frame_walker walker;
};

profile_names::profile_names(std::vector<profile_mapping> mappings)
    : mappings_(std::move(mappings)) {}
profile_names::~profile_names() = default;

void profile_names::name(std::uint64_t address, std::vector<frame>& to) {
  if (files_ == nullptr) files_ = std::make_unique<files>(mappings_);
  const std::size_t before = to.size();
  // A walk's addresses are those that calls return to.
  files_->walker.name({address + 1}, to);
  for (std::size_t i = before; i < to.size(); ++i) incomplete_ |= is_unnamed(to[i]);
}

bool is_unnamed(const frame& f) {
  if (!f.file.empty()) return false;
  const std::size_t plus = f.function.rfind("+0x");
  const std::string_view offset = plus == f.function.npos
                                      ? std::string_view(f.function)
                                      : std::string_view(f.function).substr(plus + 1);
  return offset.size() > 2 && offset.starts_with("0x") &&
         offset.find_first_not_of("0123456789abcdef", 2) == offset.npos;
}

}  // namespace taut::cli
