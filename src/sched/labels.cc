// SPDX-License-Identifier: Apache-2.0
#include "sched/labels.h"

#include <cstring>
#include <new>

#include "base/handoff.h"
#include "base/lock.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

lock free_lock{rank::registry};
label_set* free_blocks TAUT_GUARDED_BY(free_lock) = nullptr;

label_set* take_block() {
  hold h(free_lock);
  if (free_blocks == nullptr) {
    // Never given back: a dump may still read a block after it was dropped.
    auto* chunk = new label_set[16];
    for (int i = 0; i < 16; ++i) {
      chunk[i].next = free_blocks;
      free_blocks = &chunk[i];
    }
  }
  label_set* l = free_blocks;
  free_blocks = l->next;
  return l;
}

}  // namespace

label_set* with_label(const label_set* from, std::string_view key, std::string_view value) {
  unseen_section unseen;  // blocks are used again
  char text[sizeof label_set::text];
  std::uint32_t used = 0;
  bool placed = value.empty();
  auto append = [&](std::string_view k, std::string_view v) {
    if (used + k.size() + v.size() + 2 > sizeof text)
      throw panic("labels: more than 240 bytes of text");
    std::memcpy(text + used, k.data(), k.size());
    used += static_cast<std::uint32_t>(k.size());
    text[used++] = 0;
    std::memcpy(text + used, v.data(), v.size());
    used += static_cast<std::uint32_t>(v.size());
    text[used++] = 0;
  };
  if (from != nullptr) {
    for_each_label(*from, [&](std::string_view k, std::string_view v) {
      if (!placed && key < k) {
        append(key, value);
        placed = true;
      }
      if (k == key) return;
      append(k, v);
    });
  }
  if (!placed) append(key, value);
  if (used == 0) return nullptr;
  label_set* l = take_block();
  std::memcpy(l->text, text, used);
  l->used = used;
  l->references.store(1);
  return l;
}

label_set* share_labels(label_set* l) noexcept {
  l->references.fetch_add(1);
  return l;
}

void drop_labels(label_set* l) noexcept {
  if (l->references.fetch_sub(1) != 1) return;
  hold h(free_lock);
  l->next = free_blocks;
  free_blocks = l;
}

}  // namespace rt
TAUT_END_NAMESPACE
