// SPDX-License-Identifier: Apache-2.0
// The table of loaded modules: built under the loader's lock, published by one pointer.
//
// Invariants
//   A published table never changes and is never freed: a reader may hold it for any time. One
//   costs a page or two for each dlopen or dlclose that a refresh sees.
//   The tables of modules present at the first refresh are read where they are mapped: the program
//   and what it is linked to are never unloaded. Those of later modules, which dlclose may unmap
//   under a walk, are read from a copy; equal bytes share one copy, so that loading a plug-in again
//   and again does not grow the process.
//   generation changes when the loader has removed a module: addresses may now mean something else.
//
// Locks   refresh_lock, held over dl_iterate_phdr, which takes the loader's. Memory comes from
// mmap,
//         since an allocator may itself ask the loader for its modules.
//
// Memory order
//   MO-1  a table is complete before its pointer is published. Pairs with MO-2.
//   MO-2  readers see what a published pointer points at. Pairs with MO-1.
#include "arch/unwind_modules.h"

#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <new>

#include "arch/unwind.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constinit std::atomic<const module_table*> published{nullptr};
constinit std::mutex refresh_lock;

// Bytes of a table of a module that may be unloaded. Guarded by refresh_lock.
struct table_copy {
  table_copy* next;
  std::size_t size;
  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};
constinit table_copy* copies = nullptr;

void* map_memory(std::size_t size) noexcept {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

const std::byte* copy_of(const std::byte* data, std::size_t size) noexcept {
  for (table_copy* copy = copies; copy != nullptr; copy = copy->next)
    if (copy->size == size && std::memcmp(copy->bytes(), data, size) == 0) return copy->bytes();
  auto* copy = static_cast<table_copy*>(map_memory(sizeof(table_copy) + size));
  if (copy == nullptr) return nullptr;
  *copy = {copies, size};
  std::memcpy(copy->bytes(), data, size);
  copies = copy;
  return copy->bytes();
}

struct build {
  const module_table* previous;
  module_table* next = nullptr;  // null in the first pass, which only counts
  std::size_t seen = 0;
  bool changed = false;
};

// Code and tables of one module, in place; table.size == 0 when it has none that we can search.
loaded_module describe(const dl_phdr_info& info) noexcept {
  loaded_module found;
  const ElfW(Phdr)* header = nullptr;
  for (std::size_t i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    std::uintptr_t low = info.dlpi_addr + segment.p_vaddr, high = low + segment.p_memsz;
    if (segment.p_type == PT_GNU_EH_FRAME) header = &segment;
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    found.text_low = found.text_high == 0 ? low : std::min(found.text_low, low);
    found.text_high = std::max(found.text_high, high);
  }
  if (header == nullptr) return found;
  std::uintptr_t address = info.dlpi_addr + header->p_vaddr;
  for (std::size_t i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    std::uintptr_t low = info.dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || address - low >= segment.p_filesz) continue;
    unwind_table table;
    table.address = low;
    table.data = reinterpret_cast<const std::byte*>(low);
    table.size = segment.p_filesz;
    table.header = address - low;
    if ((segment.p_flags & PF_R) != 0 && open_table(table)) found.table = table;
    break;
  }
  return found;
}

// The module as the previous table had it, if its tables were read in place.
const loaded_module* kept_in_place(const module_table* previous,
                                   const loaded_module& now) noexcept {
  const loaded_module* before = previous == nullptr ? nullptr : previous->find(now.text_low);
  bool same = before != nullptr && before->text_low == now.text_low &&
              before->text_high == now.text_high && before->table.data == now.table.data;
  return same ? before : nullptr;
}

// Gives a module that may be unloaded a copy of its tables.
void make_safe(const module_table* previous, loaded_module& module) noexcept {
  if (module.table.size == 0 || previous == nullptr || kept_in_place(previous, module) != nullptr)
    return;
  const std::byte* copy = copy_of(module.table.data, module.table.size);
  if (copy == nullptr) {
    module.table = {};  // no memory: its frames are then walked by frame pointers
  } else {
    module.table.data = copy;
  }
}

int visit(dl_phdr_info* info, std::size_t size, void* argument) noexcept {
  auto& work = *static_cast<build*>(argument);
  bool counted = size >= offsetof(dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs;
  unsigned long long added = counted ? info->dlpi_adds : 0;
  unsigned long long removed = counted ? info->dlpi_subs : 0;
  if (work.next == nullptr) {
    const module_table* previous = work.previous;
    if (counted && previous != nullptr && previous->added == added && previous->removed == removed)
      return 1;
    work.changed = true;
    ++work.seen;
    return 0;
  }
  module_table& table = *work.next;
  table.added = added;
  table.removed = removed;
  if (table.count == table.capacity) return 0;  // loaded meanwhile; dlopen's refresh sees it
  loaded_module module = describe(*info);
  if (module.text_high == 0) return 0;
  make_safe(work.previous, module);
  table.modules[table.count++] = module;
  return 0;
}

}  // namespace

const loaded_module* module_table::find(std::uintptr_t pc) const noexcept {
  const loaded_module* end = modules + count;
  const loaded_module* after = std::upper_bound(
      modules, end, pc, [](std::uintptr_t at, const loaded_module& m) { return at < m.text_low; });
  if (after == modules) return nullptr;
  const loaded_module* candidate = after - 1;
  return pc < candidate->text_high ? candidate : nullptr;
}

const module_table* current_modules() noexcept {
  return published.load(std::memory_order_acquire);  // MO-2
}

void refresh_modules() noexcept {
  std::lock_guard guard(refresh_lock);
  build work{published.load()};
  dl_iterate_phdr(visit, &work);
  if (!work.changed) return;
  constexpr std::size_t spare = 8;
  std::size_t capacity = work.seen + spare;
  void* memory = map_memory(sizeof(module_table) + capacity * sizeof(loaded_module));
  if (memory == nullptr) return;  // the old table still serves the old modules
  work.next = new (memory) module_table;
  work.next->capacity = capacity;
  dl_iterate_phdr(visit, &work);
  module_table& table = *work.next;
  std::sort(table.modules, table.modules + table.count,
            [](const loaded_module& a, const loaded_module& b) { return a.text_low < b.text_low; });
  bool first = work.previous == nullptr;
  table.generation =
      first ? 1 : work.previous->generation + (table.removed != work.previous->removed);
  published.store(&table, std::memory_order_release);  // MO-1
}

}  // namespace rt
TAUT_END_NAMESPACE
