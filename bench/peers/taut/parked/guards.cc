// SPDX-License-Identifier: Apache-2.0
// A guard is a page without permissions (a line of its own in /proc/self/maps) or a guard region,
// which is no mapping of its own and shows only as a bit of its page table entry.
#include "guards.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

namespace peers {
namespace {

constexpr std::uint64_t guard_region = std::uint64_t{1} << 58;
constexpr std::size_t page = 4096;

class page_table {
 public:
  page_table() : fd_(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
  page_table(const page_table&) = delete;
  page_table& operator=(const page_table&) = delete;
  ~page_table() {
    if (fd_ >= 0) close(fd_);
  }

  // Whether any of the pages from first to last is in a guard region.
  bool guarded(std::uintptr_t first, std::uintptr_t last) {
    entries_.resize(last / page - first / page + 1);
    auto got = pread(fd_, entries_.data(), entries_.size() * sizeof(std::uint64_t),
                     static_cast<off_t>(first / page * sizeof(std::uint64_t)));
    if (got < 0) return false;
    entries_.resize(static_cast<std::size_t>(got) / sizeof(std::uint64_t));
    return std::any_of(entries_.begin(), entries_.end(),
                       [](auto e) { return (e & guard_region) != 0; });
  }

  // Whether the kernel shows guard regions: makes one and looks.
  bool tells() {
    void* probe = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED) return false;
    auto at = reinterpret_cast<std::uintptr_t>(probe);
    bool seen = madvise(probe, page, MADV_GUARD_INSTALL) == 0 && guarded(at, at);
    munmap(probe, page);
    return seen;
  }

 private:
  int fd_;
  std::vector<std::uint64_t> entries_;
};

// The ranges that may not be touched, in order.
std::vector<std::pair<std::uintptr_t, std::uintptr_t>> closed_ranges() {
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char access[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, access) == 3 && access[0] == '-') {
      found.emplace_back(begin, end);
    }
  }
  return found;
}

}  // namespace

guard_count count_guards(const std::vector<std::uintptr_t>& in_stacks, std::size_t size) {
  page_table table;
  const bool tells = table.tells();
  const auto closed = closed_ranges();
  guard_count count;
  for (std::uintptr_t address : in_stacks) {
    const std::uintptr_t lowest = address - size - page;
    // The first closed range that ends above `lowest` is the only one that can lie in between.
    auto range = std::upper_bound(closed.begin(), closed.end(), lowest,
                                  [](std::uintptr_t at, const auto& r) { return at < r.second; });
    const bool mapped = range != closed.end() && range->first < address;
    ++(mapped || table.guarded(lowest, address) ? count.guarded : count.unguarded);
  }
  count.unknown = !tells && count.guarded != in_stacks.size();
  return count;
}

}  // namespace peers
