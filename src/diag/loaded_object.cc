// SPDX-License-Identifier: Apache-2.0
// _dl_find_object() looks without a lock. How many symbols there are only the hash table says,
// whose form is that of the GNU linker (DT_GNU_HASH): buckets with the number of their first
// symbol, and chains that end with an odd hash.
#include "diag/loaded_object.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>

#include <algorithm>
#include <vector>

#include "diag/safe_memory.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t most_entries = 256;  // of a dynamic section
constexpr std::uint32_t most_symbols = 1u << 22;
constexpr std::size_t chunk = 512;

template <class T>
bool read_at(std::uintptr_t address, T& to) noexcept {
  return read_memory(reinterpret_cast<const void*>(address), &to, sizeof to);
}

struct dynamic_tables {
  std::uintptr_t symbols = 0, texts = 0, hash = 0;
};

dynamic_tables tables_of(std::uintptr_t dynamic, std::uintptr_t base) noexcept {
  dynamic_tables t;
  for (std::size_t i = 0; i < most_entries; ++i) {
    ElfW(Dyn) entry;
    if (!read_at(dynamic + i * sizeof entry, entry) || entry.d_tag == DT_NULL) break;
    // The loader has made addresses of them, but for what the kernel loaded.
    const std::uintptr_t at = entry.d_un.d_ptr < base ? entry.d_un.d_ptr + base : entry.d_un.d_ptr;
    if (entry.d_tag == DT_SYMTAB) t.symbols = at;
    if (entry.d_tag == DT_STRTAB) t.texts = at;
    if (entry.d_tag == DT_GNU_HASH) t.hash = at;
  }
  return t;
}

std::uint32_t symbol_count(std::uintptr_t hash) noexcept {
  struct {
    std::uint32_t buckets, first, bloom_words, bloom_shift;
  } head;
  if (!read_at(hash, head) || head.buckets > most_symbols || head.bloom_words > most_symbols)
    return 0;
  const std::uintptr_t buckets = hash + sizeof head + head.bloom_words * sizeof(ElfW(Addr));
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < head.buckets; i += chunk) {
    std::uint32_t some[chunk];
    const std::size_t n = std::min<std::size_t>(chunk, head.buckets - i);
    if (!read_memory(reinterpret_cast<const void*>(buckets + i * sizeof some[0]), some,
                     n * sizeof some[0]))
      return 0;
    last = std::max(last, *std::max_element(some, some + n));
  }
  if (last < head.first) return head.first;
  const std::uintptr_t chains = buckets + head.buckets * sizeof(std::uint32_t);
  for (std::uint32_t hash_value = 0; last < most_symbols; ++last) {
    if (!read_at(chains + (last - head.first) * sizeof hash_value, hash_value)) return 0;
    if ((hash_value & 1) != 0) return last + 1;
  }
  return 0;
}

}  // namespace

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

bool loaded_object::holds(const void* address) noexcept {
  dl_find_object found;
  return ::_dl_find_object(const_cast<void*>(address), &found) == 0;
}

bool loaded_object::find(std::uintptr_t address, loaded_object& to) {
  dl_find_object found;
  if (::_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return false;
  link_map map;
  if (!read_at(reinterpret_cast<std::uintptr_t>(found.dlfo_link_map), map)) return false;
  to.path_ = read_text(map.l_name);
  if (to.path_.empty()) to.path_ = program_invocation_name;
  to.base_ = map.l_addr;
  to.dynamic_ = reinterpret_cast<std::uintptr_t>(map.l_ld);
  return true;
}

#else  // glibc before 2.35: with the loader's lock

bool loaded_object::holds(const void* address) noexcept {
  Dl_info info;
  return ::dladdr(address, &info) != 0;
}

bool loaded_object::find(std::uintptr_t address, loaded_object& to) {
  Dl_info info;
  link_map* map = nullptr;
  if (::dladdr1(reinterpret_cast<void*>(address), &info, reinterpret_cast<void**>(&map),
                RTLD_DL_LINKMAP) == 0)
    return false;
  to.path_ = info.dli_fname;
  to.base_ = map->l_addr;
  to.dynamic_ = reinterpret_cast<std::uintptr_t>(map->l_ld);
  return true;
}

#endif

exported_symbol loaded_object::symbol_at(std::uintptr_t address) const {
  exported_symbol best;
  const dynamic_tables t = tables_of(dynamic_, base_);
  if (t.symbols == 0 || t.texts == 0 || t.hash == 0) return best;
  const std::uint32_t count = symbol_count(t.hash);
  std::vector<ElfW(Sym)> some(chunk);
  std::uintptr_t name = 0;
  for (std::uint32_t i = 0; i < count; i += chunk) {
    const std::size_t n = std::min<std::size_t>(chunk, count - i);
    if (!read_memory(reinterpret_cast<const void*>(t.symbols + i * sizeof some[0]), some.data(),
                     n * sizeof some[0]))
      return best;
    for (std::size_t k = 0; k < n; ++k) {
      const ElfW(Sym)& s = some[k];
      // Names of versions are absolute.
      if (s.st_shndx == SHN_UNDEF || s.st_shndx == SHN_ABS || ELF64_ST_TYPE(s.st_info) == STT_TLS)
        continue;
      const std::uintptr_t at = base_ + s.st_value;
      // One of size 0 reaches as far as the next begins.
      const bool covers = address >= at && (s.st_size == 0 || address < at + s.st_size);
      if (!covers || at < best.at) continue;
      best.at = at;
      name = t.texts + s.st_name;
    }
  }
  if (name != 0) best.name = read_text(reinterpret_cast<const char*>(name));
  if (best.name.empty()) best.at = 0;
  return best;
}

}  // namespace rt
TAUT_END_NAMESPACE
