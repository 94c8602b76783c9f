// SPDX-License-Identifier: Apache-2.0
// A core file: the segments that were written, the threads and the names of the mapped files that
// its notes tell. What was not written because it is in a file on disk is read there.
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "cli/error.h"
#include "cli/process_memory.h"

namespace taut::cli {
namespace {

constexpr std::size_t most_segments = std::size_t{1} << 20;
constexpr std::size_t most_notes = std::size_t{64} << 20;
constexpr std::size_t most_files = std::size_t{1} << 16;
constexpr std::size_t most_open = 256;

struct file {
  explicit file(const std::string& path)
      // Not blocking: a core may name anything, a pipe for example.
      : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    struct stat about{};
    if (fd >= 0 && ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
      size = static_cast<std::uint64_t>(about.st_size);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  ~file() {
    if (fd >= 0) ::close(fd);
  }
  bool read(std::uint64_t offset, void* to, std::size_t n) const {
    if (offset > size || n > size - offset) return false;
    auto* at = static_cast<char*>(to);
    while (n > 0) {
      const ssize_t got = ::pread(fd, at, n, static_cast<off_t>(offset));
      if (got <= 0) return false;
      at += got;
      offset += static_cast<std::uint64_t>(got);
      n -= static_cast<std::size_t>(got);
    }
    return true;
  }
  int fd;
  std::uint64_t size = 0;
};

struct segment {
  std::uint64_t low, high, offset;  // what the file has of it
};

class core_memory final : public process_memory {
 public:
  explicit core_memory(const std::string& path) : path_(path), core_(path) {
    Elf64_Ehdr head{};
    if (!core_.read(0, &head, sizeof head)) fail("is too short for a core file; get all of it.");
    if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_type != ET_CORE)
      fail("is no core file; check the name.");
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
        (head.e_machine != machine_x86_64 && head.e_machine != machine_aarch64))
      fail("is of a processor that taut does not run on; it reads x86-64 and aarch64.");
    machine_ = head.e_machine;
    std::size_t count = head.e_phnum;
    if (count == PN_XNUM) {
      Elf64_Shdr first{};
      if (core_.read(head.e_shoff, &first, sizeof first)) count = first.sh_info;
    }
    if (count > most_segments || head.e_phentsize != sizeof(Elf64_Phdr))
      fail("is damaged: its list of segments makes no sense.");
    for (std::size_t i = 0; i < count; ++i) {
      Elf64_Phdr p{};
      if (!core_.read(head.e_phoff + i * sizeof p, &p, sizeof p)) break;
      if (p.p_type == PT_NOTE) read_notes(p);
      if (p.p_type == PT_LOAD) add(p);
    }
    if (segments_.empty()) fail("has no memory in it: it is truncated; get all of it.");
    std::sort(segments_.begin(), segments_.end(),
              [](const segment& a, const segment& b) { return a.low < b.low; });
    mark_writable();
  }

  bool read(std::uint64_t address, void* to, std::size_t size) const override {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
      auto after = std::upper_bound(segments_.begin(), segments_.end(), address,
                                    [](std::uint64_t a, const segment& s) { return a < s.low; });
      std::size_t n = 0;
      if (after != segments_.begin() && address < std::prev(after)->high) {
        const segment& s = *std::prev(after);
        n = static_cast<std::size_t>(std::min<std::uint64_t>(size, s.high - address));
        if (!core_.read(s.offset + (address - s.low), at, n)) return false;
      } else {
        n = size;
        if (after != segments_.end() && after->low - address < n)
          n = static_cast<std::size_t>(after->low - address);
        if (!read_file(address, at, n)) return false;
      }
      address += n;
      at += n;
      size -= n;
    }
    return true;
  }
  bool live() const override { return false; }

 protected:
  std::optional<thread_registers> stop(int tid) const override {
    auto found = threads_.find(tid);
    if (found == threads_.end()) return std::nullopt;
    return found->second;
  }
  void let_go(int) const override {}

 private:
  [[noreturn]] void fail(const std::string& what) const { throw user_error(path_ + " " + what); }

  void add(const Elf64_Phdr& p) {
    if (p.p_offset >= core_.size || p.p_filesz == 0) return;
    const std::uint64_t there = std::min(p.p_filesz, core_.size - p.p_offset);
    if (p.p_vaddr + there < p.p_vaddr) return;
    segments_.push_back({p.p_vaddr, p.p_vaddr + there, p.p_offset});
    if ((p.p_flags & PF_W) != 0) writable_.push_back(p.p_vaddr);
  }

  void read_notes(const Elf64_Phdr& p) {
    const std::size_t size = static_cast<std::size_t>(
        std::min<std::uint64_t>(p.p_filesz, std::min<std::uint64_t>(core_.size, most_notes)));
    std::vector<std::byte> notes(size);
    if (!core_.read(p.p_offset, notes.data(), size)) return;
    for (std::size_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
      Elf64_Nhdr n{};
      std::memcpy(&n, &notes[at], sizeof n);
      const std::size_t name = at + sizeof n;
      const std::uint64_t body = name + ((std::uint64_t{n.n_namesz} + 3) & ~std::uint64_t{3});
      const std::uint64_t end = body + ((std::uint64_t{n.n_descsz} + 3) & ~std::uint64_t{3});
      if (body + n.n_descsz > size) break;
      if (n.n_type == NT_PRSTATUS) add_thread(notes.data() + body, n.n_descsz);
      if (n.n_type == NT_FILE) add_files(notes.data() + body, n.n_descsz);
      if (n.n_type == NT_AUXV) find_vdso(notes.data() + body, n.n_descsz);
      at = static_cast<std::size_t>(std::min<std::uint64_t>(end, size));
    }
  }

  // struct elf_prstatus of 64-bit processors: the thread's number at 32, its registers at 112.
  void add_thread(const std::byte* note, std::size_t size) {
    constexpr std::size_t id_at = 32, registers_at = 112;
    if (size <= registers_at) return;
    std::int32_t tid = 0;
    std::memcpy(&tid, note + id_at, sizeof tid);
    threads_.emplace(tid, registers_from(machine_, note + registers_at, size - registers_at));
  }

  // Pairs of a key and a value.
  void find_vdso(const std::byte* note, std::size_t size) {
    for (std::size_t at = 0; at + 16 <= size; at += 16) {
      std::uint64_t pair[2];
      std::memcpy(pair, note + at, sizeof pair);
      if (pair[0] == AT_SYSINFO_EHDR) vdso_ = pair[1];
    }
  }

  // How many, the size of a page; low, high and page of each; then their names.
  void add_files(const std::byte* note, std::size_t size) {
    auto word = [&](std::size_t i) {
      std::uint64_t value = 0;
      if ((i + 1) * 8 <= size) std::memcpy(&value, note + i * 8, 8);
      return value;
    };
    const std::uint64_t count = word(0), page = word(1);
    if (count > most_files || (2 + 3 * count) * 8 > size) return;
    std::size_t at = static_cast<std::size_t>((2 + 3 * count) * 8);
    for (std::size_t i = 0; i < count; ++i) {
      const void* end = std::memchr(note + at, 0, size - at);
      if (end == nullptr) return;
      const char* name = reinterpret_cast<const char*>(note + at);
      mapping m{word(2 + 3 * i), word(3 + 3 * i), word(4 + 3 * i) * page, false, name};
      at += std::strlen(name) + 1;
      if (m.high > m.low && m.path.starts_with('/')) mappings_.push_back(m);
      if (at >= size) return;
    }
  }

  void mark_writable() {
    std::sort(writable_.begin(), writable_.end());
    for (mapping& m : mappings_) {
      auto found = std::lower_bound(writable_.begin(), writable_.end(), m.low);
      m.writable = found != writable_.end() && *found < m.high;
    }
  }

  bool read_file(std::uint64_t address, void* to, std::size_t size) const {
    for (const mapping& m : mappings_) {
      if (address < m.low || address >= m.high || size > m.high - address) continue;
      auto found = files_.find(m.path);
      if (found == files_.end()) {
        if (files_.size() >= most_open) return false;
        found = files_.emplace(m.path, std::make_unique<file>(m.path)).first;
        if (!is_as_mapped(*found->second, m.path)) found->second->size = 0;
      }
      return found->second->read(m.offset + (address - m.low), to, size);
    }
    return false;
  }

  // A file that was replaced since has other bytes: the core has the first ones to compare.
  bool is_as_mapped(const file& now, const std::string& path) const {
    for (const mapping& m : mappings_) {
      if (m.path != path || m.offset != 0) continue;
      auto after = std::upper_bound(segments_.begin(), segments_.end(), m.low,
                                    [](std::uint64_t a, const segment& s) { return a < s.low; });
      if (after == segments_.begin()) return true;
      const segment& s = *std::prev(after);
      char then[1024], here[1024];
      if (m.low < s.low || m.low >= s.high || s.high - m.low < sizeof then) return true;
      return !core_.read(s.offset + (m.low - s.low), then, sizeof then) ||
             (now.read(0, here, sizeof here) && std::memcmp(then, here, sizeof then) == 0);
    }
    return true;
  }

  std::string path_;
  file core_;
  std::uint32_t machine_ = 0;
  std::vector<segment> segments_;
  std::vector<std::uint64_t> writable_;
  std::map<int, thread_registers> threads_;
  mutable std::map<std::string, std::unique_ptr<file>> files_;
};

}  // namespace

std::unique_ptr<process_memory> open_core_memory(const std::string& path) {
  return std::make_unique<core_memory>(path);
}

}  // namespace taut::cli
