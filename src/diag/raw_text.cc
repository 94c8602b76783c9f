// SPDX-License-Identifier: Apache-2.0
#include "diag/raw_text.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "diag/safe_memory.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

raw_text& raw_text::operator<<(std::string_view text) noexcept {
  while (!text.empty()) {
    if (used_ == sizeof buffer_) flush();
    const std::size_t n = std::min(text.size(), sizeof buffer_ - used_);
    std::memcpy(buffer_ + used_, text.data(), n);
    used_ += n;
    text.remove_prefix(n);
  }
  return *this;
}

raw_text& raw_text::number(std::int64_t value) noexcept {
  char digits[24];
  char* at = digits + sizeof digits;
  auto left = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  do {
    *--at = static_cast<char>('0' + left % 10);
    left /= 10;
  } while (left != 0);
  if (value < 0) *--at = '-';
  return *this << std::string_view(at, static_cast<std::size_t>(digits + sizeof digits - at));
}

raw_text& raw_text::hexadecimal(std::uint64_t value) noexcept {
  char digits[20];
  char* at = digits + sizeof digits;
  do {
    *--at = "0123456789abcdef"[value % 16];
    value /= 16;
  } while (value != 0);
  *--at = 'x';
  *--at = '0';
  return *this << std::string_view(at, static_cast<std::size_t>(digits + sizeof digits - at));
}

raw_text& raw_text::foreign(const char* text) noexcept {
  for (int i = 0; text != nullptr && i < 512; ++i) {
    char c = 0;
    if (!read_memory(text + i, &c, 1) || c == 0) break;
    *this << std::string_view(&c, 1);
  }
  return *this;
}

void raw_text::flush() noexcept {
  const char* at = buffer_;
  while (used_ > 0) {
    const ssize_t n = ::write(fd_, at, used_);
    if (n <= 0) break;
    at += n;
    used_ -= static_cast<std::size_t>(n);
  }
  used_ = 0;
}

module_map::module_map() noexcept {
  names_.push_back(0);
  const int fd = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[4096];
  std::size_t have = 0;
  for (ssize_t n; (n = ::read(fd, text + have, sizeof text - have)) > 0;) {
    have += static_cast<std::size_t>(n);
    std::size_t begin = 0;
    while (const void* end = std::memchr(text + begin, '\n', have - begin)) {
      const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - (text + begin));
      add({text + begin, length});
      begin += length + 1;
    }
    if (begin == 0 && have == sizeof text) begin = have;  // a line that long names nothing of use
    std::memmove(text, text + begin, have - begin);
    have -= begin;
  }
  ::close(fd);
}

// 7f0c4a000000-7f0c4a021000 r-xp 00001000 08:01 1234   /usr/lib/libfoo.so
void module_map::add(std::string_view line) noexcept {
  auto hexadecimal = [&] {
    std::uintptr_t value = 0;
    while (!line.empty()) {
      const char c = line[0];
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) break;
      value = value << 4 | static_cast<std::uintptr_t>(digit);
      line.remove_prefix(1);
    }
    return value;
  };
  range r{};
  r.low = hexadecimal();
  if (!line.starts_with('-')) return;
  line.remove_prefix(1);
  r.high = hexadecimal();
  if (const std::size_t slash = line.find('/'); slash != line.npos) {
    const std::string_view path = line.substr(slash);
    const range* before = ranges_.empty() ? nullptr : &ranges_[ranges_.size() - 1];
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (before != nullptr && before->name != 0 && name == names_.data() + before->name) {
      r.base = before->base;
      r.name = before->name;
    } else {
      // The file's first mapping begins with its header: a program at a fixed address has
      // addresses, all others offsets.
      Elf64_Ehdr head{};
      if (read_memory(reinterpret_cast<const void*>(r.low), &head, sizeof head) &&
          std::memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_type == ET_DYN)
        r.base = r.low;
      r.name = static_cast<std::uint32_t>(names_.size());
      if (!names_.append(name.data(), name.size()) || !names_.push_back(0)) r.name = 0;
    }
  }
  ranges_.push_back(r);
}

void module_map::write(raw_text& to, std::uintptr_t pc) const noexcept {
  for (const range& r : ranges_) {
    if (pc < r.low || pc >= r.high || r.name == 0) continue;
    (to << names_.data() + r.name << "+").hexadecimal(pc - r.base);
    return;
  }
  to.hexadecimal(pc);
}

std::uintptr_t module_map::end_of(std::uintptr_t address) const noexcept {
  for (const range& r : ranges_) {
    if (address >= r.low && address < r.high) return r.high;
  }
  return 0;
}

}  // namespace rt
TAUT_END_NAMESPACE
