// SPDX-License-Identifier: Apache-2.0
// Labels of a goroutine: a small immutable set of keys and values, shared by the goroutines that
// inherited it.
//
// Sets live in blocks of one size that are never unmapped, so a dump may copy one that is being
// dropped; it validates by the goroutine's park sequence and id.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct label_set {
  std::atomic<std::uint32_t> references{0};
  std::uint32_t used = 0;     // bytes of text
  label_set* next = nullptr;  // free list
  char text[240] = {};        // key NUL value NUL ..., keys sorted
};

// A set like `from` (may be null) with key set to value, or without key when value is empty. One
// reference. nullptr: empty. Throws panic when the text does not fit, std::bad_alloc without
// memory.
label_set* with_label(const label_set* from, std::string_view key, std::string_view value);
label_set* share_labels(label_set* l) noexcept;
void drop_labels(label_set* l) noexcept;

// f(key, value) for each label of a packed set: key NUL value NUL ..., keys sorted.
template <class F>
void for_each_packed_label(std::string_view packed, F&& f) {
  while (!packed.empty()) {
    const std::size_t key_end = packed.find('\0');
    const std::size_t end = key_end == packed.npos ? packed.npos : packed.find('\0', key_end + 1);
    if (end == packed.npos) return;
    f(packed.substr(0, key_end), packed.substr(key_end + 1, end - key_end - 1));
    packed.remove_prefix(end + 1);
  }
}

template <class F>
void for_each_label(const label_set& l, F&& f) {
  if (l.used <= sizeof l.text) for_each_packed_label({l.text, l.used}, f);
}

// for_each_packed_label, and in their places what a reader sees as labels besides: the goroutine's
// name. Sorted too; an empty one is none. Where the program has set a label of that key, it has the
// word.
template <class F>
void for_each_label_and(std::string_view packed,
                        std::initializer_list<std::pair<std::string_view, std::string_view>> more,
                        F&& f) {
  auto next = more.begin();
  auto add_before = [&](std::string_view key, bool all) {
    for (; next != more.end() && (all || next->first < key); ++next) {
      if (!next->second.empty()) f(next->first, next->second);
    }
  };
  for_each_packed_label(packed, [&](std::string_view key, std::string_view value) {
    add_before(key, false);
    if (next != more.end() && next->first == key) ++next;
    f(key, value);
  });
  add_before({}, true);
}

}  // namespace rt
TAUT_END_NAMESPACE
