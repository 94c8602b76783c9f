// SPDX-License-Identifier: Apache-2.0
#include "debug/mappings.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "diag/safe_memory.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t most_headers = 64, most_note = 4096;

std::uint64_t hex(std::string_view text) noexcept {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

// Cuts off the first word and the blanks after it.
std::string_view word(std::string_view& line) noexcept {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view first = line.substr(0, end);
  line.remove_prefix(std::min(line.find_first_not_of(' ', end), line.size()));
  return first;
}

std::string build_id_in(const unsigned char* notes, std::size_t size) {
  std::string id;
  for (std::size_t at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes + at, sizeof note);
    at += sizeof note;
    const std::size_t name = (note.n_namesz + std::size_t{3}) / 4 * 4;
    const std::size_t content = (note.n_descsz + std::size_t{3}) / 4 * 4;
    if (name > size - at || content > size - at - name) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(notes + at, "GNU", 4) == 0) {
      for (std::size_t i = 0; i < note.n_descsz; ++i) {
        constexpr char digits[] = "0123456789abcdef";
        id += digits[notes[at + name + i] >> 4];
        id += digits[notes[at + name + i] & 15];
      }
      break;
    }
    at += name + content;
  }
  return id;
}

// The file whose first byte is mapped at `base`.
std::string build_id_at(std::uintptr_t base) {
  const auto at = [&](std::uintptr_t offset) {
    return reinterpret_cast<const void*>(base + offset);
  };
  ElfW(Ehdr) head;
  if (!read_memory(at(0), &head, sizeof head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
      head.e_phentsize != sizeof(ElfW(Phdr)) || head.e_phnum > most_headers)
    return {};
  ElfW(Phdr) headers[most_headers];
  if (!read_memory(at(head.e_phoff), headers, head.e_phnum * sizeof headers[0])) return {};
  // Where the file's first byte would be if it were loaded at its own addresses.
  std::uintptr_t own = 0;
  for (std::size_t i = 0; i < head.e_phnum; ++i) {
    if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0) own = headers[i].p_vaddr;
  }
  for (std::size_t i = 0; i < head.e_phnum; ++i) {
    unsigned char notes[most_note];
    if (headers[i].p_type != PT_NOTE || headers[i].p_memsz > sizeof notes ||
        !read_memory(at(headers[i].p_vaddr - own), notes, headers[i].p_memsz))
      continue;
    if (std::string id = build_id_in(notes, headers[i].p_memsz); !id.empty()) return id;
  }
  return {};
}

}  // namespace

std::string read_proc(const char* path, std::size_t limit) {
  std::string text;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char some[4096];
  for (ssize_t n; text.size() < limit && (n = ::read(fd, some, sizeof some)) > 0;)
    text.append(some, static_cast<std::size_t>(n));
  ::close(fd);
  return text;
}

std::vector<code_mapping> parse_maps(std::string_view maps, bool in_memory) {
  std::vector<code_mapping> found;
  std::string_view head_file;
  std::uintptr_t head = 0;  // where the file of the lines since then begins
  while (!maps.empty()) {
    const std::size_t end = std::min(maps.find('\n'), maps.size());
    std::string_view line = maps.substr(0, end);
    maps.remove_prefix(std::min(end + 1, maps.size()));
    const std::string_view range = word(line), permissions = word(line), offset = word(line);
    word(line);  // device
    const std::string_view inode = word(line);
    std::string_view file = line;
    constexpr std::string_view deleted = " (deleted)";
    if (file.ends_with(deleted)) file.remove_suffix(deleted.size());
    const std::size_t dash = range.find('-');
    if (dash == range.npos || permissions.size() < 3) continue;
    code_mapping m;
    m.start = hex(range.substr(0, dash));
    m.limit = hex(range.substr(dash + 1));
    m.offset = hex(offset);
    if (m.offset == 0) {
      head = m.start;
      head_file = file;
    }
    if (permissions[2] != 'x' || (inode == "0" && file.empty())) continue;
    m.file = file;
    if (in_memory && head != 0 && head_file == file) m.build_id = build_id_at(head);
    found.push_back(std::move(m));
  }
  return found;
}

std::vector<code_mapping> code_mappings() {
  return parse_maps(read_proc("/proc/self/maps", std::size_t{16} << 20), true);
}

}  // namespace rt
TAUT_END_NAMESPACE
