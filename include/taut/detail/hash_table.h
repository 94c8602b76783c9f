// SPDX-License-Identifier: Apache-2.0
// A chained hash table, as much of one as concurrent_map and singleflight need: <unordered_map>
// costs every include 0.1 s.
//
// Invariants: every entry hangs in the bucket that its hash names, each key once. There are no
// buckets while it is empty and new, and otherwise a power of two of them, not fewer than entries
// unless memory was short. An entry stays where it is until it is extracted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

template <class Key, class Value, class Hash, class Equal>
class hash_table {
 public:
  class entry {
   public:
    const Key key;
    Value value;

   private:
    friend hash_table;
    template <class K, class V>
    entry(K&& k, V&& v, std::size_t h)
        : key(std::forward<K>(k)), value(std::forward<V>(v)), hash(h) {}
    const std::size_t hash;
    entry* next = nullptr;
  };

  // An entry that was taken out.
  class extracted {
   public:
    extracted() noexcept = default;
    explicit extracted(entry* e) noexcept : entry_(e) {}
    extracted(extracted&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    extracted& operator=(extracted&& other) noexcept {
      std::swap(entry_, other.entry_);
      return *this;
    }
    ~extracted() { delete entry_; }
    entry* get() const noexcept { return entry_; }

   private:
    entry* entry_ = nullptr;
  };

  hash_table() noexcept = default;
  hash_table(const hash_table&) = delete;
  hash_table& operator=(const hash_table&) = delete;
  ~hash_table() {
    for_each([](entry& e) { delete &e; });
    delete[] buckets_;
  }

  std::size_t size() const noexcept { return size_; }
  void swap(hash_table& other) noexcept {
    std::swap(buckets_, other.buckets_);
    std::swap(mask_, other.mask_);
    std::swap(size_, other.size_);
  }

  entry* find(const Key& key) const { return find(key, Hash()(key)); }

  struct insertion {
    entry* at;
    bool inserted;
  };
  // Makes an entry of the arguments unless the key has one; then they are left alone.
  template <class K, class V>
  insertion try_emplace(K&& key, V&& value) {
    const std::size_t hash = Hash()(key);
    if (entry* there = find(key, hash)) return {there, false};
    if (buckets_ == nullptr || size_ > mask_) grow();
    auto* made = new entry(std::forward<K>(key), std::forward<V>(value), hash);
    link(*made);
    ++size_;
    return {made, true};
  }

  extracted extract(const Key& key) {
    entry* e = find(key);
    return e == nullptr ? extracted() : extract(*e);
  }
  extracted extract(entry& e) noexcept {
    entry** at = &bucket(e.hash);
    while (*at != &e) at = &(*at)->next;
    *at = e.next;
    --size_;
    return extracted(&e);
  }

  // f may delete the entry.
  template <class F>
  void for_each(F&& f) const {
    for (std::size_t n = 0; buckets_ != nullptr && n <= mask_; ++n) {
      for (entry* e = buckets_[n]; e != nullptr;) f(*std::exchange(e, e->next));
    }
  }

 private:
  // std::hash of an integer is the integer, and one who keeps several tables may have chosen among
  // them by some bits of the hash: all bits must count here.
  entry*& bucket(std::size_t hash) const noexcept {
    std::uint64_t h = hash;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return buckets_[(h ^ h >> 32) & mask_];
  }
  entry* find(const Key& key, std::size_t hash) const {
    if (buckets_ == nullptr) return nullptr;
    entry* e = bucket(hash);
    while (e != nullptr && !(e->hash == hash && Equal()(e->key, key))) e = e->next;
    return e;
  }
  void link(entry& e) noexcept {
    entry*& first = bucket(e.hash);
    e.next = std::exchange(first, &e);
  }
  void grow() {
    const std::size_t count = buckets_ == nullptr ? 8 : (mask_ + 1) * 2;
    auto** more = new (std::nothrow) entry*[count]();
    if (more == nullptr) {
      if (buckets_ == nullptr) throw std::bad_alloc();
      return;  // longer chains will do
    }
    hash_table old;
    swap(old);
    buckets_ = more;
    mask_ = count - 1;
    size_ = old.size_;
    old.for_each([this](entry& e) { link(e); });
    delete[] std::exchange(old.buckets_, nullptr);
  }

  entry** buckets_ = nullptr;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace detail
TAUT_END_NAMESPACE
