// SPDX-License-Identifier: Apache-2.0
// intern_site(): a table of chains, to which entries are only ever added.
//
// Memory order
//   MO-1  release of a chain's head: the entry is complete. Pairs with MO-2.
//   MO-2  acquire of a chain's head.
#include "taut/detail/site.h"

#include <atomic>
#include <cstddef>

#include "base/slab.h"

TAUT_BEGIN_NAMESPACE
namespace detail {
namespace {

struct interned {
  site_data data;
  const interned* next;
};

constexpr std::size_t chains = 1024;
std::atomic<const interned*> heads[chains];

}  // namespace

const site_data system_site{nullptr, nullptr, 1, 0};
const site_data system_never_inlined_site{nullptr, nullptr, 2, 0};

const site_data* intern_site(const char* file, std::uint32_t line) noexcept {
  auto& head = heads[(reinterpret_cast<std::uintptr_t>(file) / 8 + line) % chains];
  const interned* first = head.load(std::memory_order_acquire);  // MO-2
  interned* mine = nullptr;
  const interned* seen = nullptr;
  for (;;) {
    for (const interned* i = first; i != seen; i = i->next) {
      if (i->data.file != file || i->data.line != line) continue;
      if (mine != nullptr) rt::slab_give(mine, sizeof *mine);
      return &i->data;
    }
    if (mine == nullptr) {
      mine = static_cast<interned*>(rt::slab_take(sizeof *mine));
      if (mine == nullptr) return nullptr;
      mine->data = {file, "", line, 0};
    }
    mine->next = seen = first;
    if (head.compare_exchange_strong(first, mine, std::memory_order_release,  // MO-1
                                     std::memory_order_acquire)) {            // MO-2
      return &mine->data;
    }
  }
}

}  // namespace detail
TAUT_END_NAMESPACE
