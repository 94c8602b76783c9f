// SPDX-License-Identifier: Apache-2.0
// concurrent_map: a map that many goroutines read and write at once.
//
//   taut::concurrent_map<std::string, session> sessions;
//   sessions.store(id, s);
//   if (auto found = sessions.load(id)) use(*found);
//   auto [value, loaded] = sessions.load_or_store(id, session());
//
// Split into shards by the hash of the key, each a hash table behind a shared_mutex; values are
// copied out, so nothing refers into the map. Each function but range(), clear() and size() is one
// atomic step. The key's hash and comparison and the value's copy run under a shard's lock: they
// must not use the same map. Any goroutine or thread may call any function at once.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "taut/detail/functional.h"
#include "taut/detail/guards.h"
#include "taut/detail/hash_table.h"
#include "taut/export.h"
#include "taut/runtime.h"
#include "taut/shared_mutex.h"

TAUT_BEGIN_NAMESPACE

template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class concurrent_map {
  static_assert(std::is_copy_constructible_v<Value>,
                "concurrent_map: values are copied out; keep pointers to what cannot be copied");

 public:
  using key_type = Key;
  using mapped_type = Value;

  concurrent_map() : mask_(shard_count() - 1), shards_(new shard[mask_ + 1]) {}
  concurrent_map(const concurrent_map&) = delete;
  concurrent_map& operator=(const concurrent_map&) = delete;
  ~concurrent_map() { delete[] shards_; }

  // load() returns the value of a key, if there is one.
  std::optional<Value> load(const Key& key) const {
    shard& s = shard_of(key);
    detail::shared_guard hold(s.guard);
    const auto* e = s.entries.find(key);
    return e == nullptr ? std::nullopt : std::optional<Value>(e->value);
  }
  // contains() says whether the key has a value.
  bool contains(const Key& key) const {
    shard& s = shard_of(key);
    detail::shared_guard hold(s.guard);
    return s.entries.find(key) != nullptr;
  }
  // store() sets the value of a key.
  void store(Key key, Value value) { static_cast<void>(swap(std::move(key), std::move(value))); }
  // swap() sets the value of a key and returns the one it had.
  std::optional<Value> swap(Key key, Value value) {
    shard& s = shard_of(key);
    detail::exclusive_guard hold(s.guard);
    const auto [e, inserted] = s.entries.try_emplace(std::move(key), std::move(value));
    if (inserted) return std::nullopt;
    return std::optional<Value>(std::exchange(e->value, std::move(value)));
  }
  struct load_or_store_result {
    Value value;
    bool loaded;  // the value was there before
  };
  // load_or_store() returns the value of a key, and sets it first when there is none.
  load_or_store_result load_or_store(Key key, Value value) {
    shard& s = shard_of(key);
    {
      detail::shared_guard hold(s.guard);
      if (const auto* e = s.entries.find(key)) return {e->value, true};
    }
    detail::exclusive_guard hold(s.guard);
    const auto [e, inserted] = s.entries.try_emplace(std::move(key), std::move(value));
    return {e->value, !inserted};
  }
  // load_and_delete() removes a key and returns the value it had.
  std::optional<Value> load_and_delete(const Key& key) {
    shard& s = shard_of(key);
    typename table::extracted gone;  // dies after the lock is released
    detail::exclusive_guard hold(s.guard);
    gone = s.entries.extract(key);
    return gone.get() == nullptr ? std::nullopt
                                 : std::optional<Value>(std::move(gone.get()->value));
  }
  // erase() removes a key; false when it was not there.
  bool erase(const Key& key) { return load_and_delete(key).has_value(); }
  // compare_and_swap() sets the value of a key to `wanted` if it has the value `old`.
  bool compare_and_swap(const Key& key, const Value& old, Value wanted)
    requires requires {
      { old == old } -> std::convertible_to<bool>;
    }
  {
    shard& s = shard_of(key);
    detail::exclusive_guard hold(s.guard);
    auto* e = s.entries.find(key);
    if (e == nullptr || !(e->value == old)) return false;
    std::swap(e->value, wanted);  // the old one dies after the lock is released
    return true;
  }
  // compare_and_delete() removes a key if it has the value `old`.
  bool compare_and_delete(const Key& key, const Value& old)
    requires requires {
      { old == old } -> std::convertible_to<bool>;
    }
  {
    shard& s = shard_of(key);
    typename table::extracted gone;
    detail::exclusive_guard hold(s.guard);
    auto* e = s.entries.find(key);
    if (e == nullptr || !(e->value == old)) return false;
    gone = s.entries.extract(*e);
    return true;
  }
  // range(f) calls f(key, value) for the entries until f returns false. No snapshot: each key comes
  // at most once, with a value it had at some moment of the call; entries stored or removed
  // meanwhile, also by f, may come or not. f may use the map.
  template <class F>
  void range(F&& f) const {
    std::vector<std::pair<Key, Value>> copy;
    for (std::size_t n = 0; n <= mask_; ++n) {
      copy.clear();
      {
        detail::shared_guard hold(shards_[n].guard);
        copy.reserve(shards_[n].entries.size());
        shards_[n].entries.for_each([&](const auto& e) { copy.emplace_back(e.key, e.value); });
      }
      for (const auto& [key, value] : copy) {
        if (!f(key, value)) return;
      }
    }
  }
  // clear() removes everything, one shard after the other.
  void clear() {
    for (std::size_t n = 0; n <= mask_; ++n) {
      table gone;
      detail::exclusive_guard hold(shards_[n].guard);
      gone.swap(shards_[n].entries);
    }
  }
  // size() is the number of entries; a snapshot only while nobody writes.
  std::size_t size() const {
    std::size_t sum = 0;
    for (std::size_t n = 0; n <= mask_; ++n) {
      detail::shared_guard hold(shards_[n].guard);
      sum += shards_[n].entries.size();
    }
    return sum;
  }

 private:
  using table = detail::hash_table<Key, Value, Hash, Equal>;
  struct alignas(128) shard {
    mutable shared_mutex guard;
    table entries;
  };

  static std::size_t shard_count() noexcept {
    return std::bit_ceil(static_cast<std::size_t>(usable_cpus()) * 4);
  }
  // std::hash of an integer is the integer: its bits must be mixed before some are taken.
  shard& shard_of(const Key& key) const {
    const auto h = static_cast<std::uint64_t>(Hash()(key)) * 0x9e3779b97f4a7c15u;
    return shards_[h >> 48 & mask_];
  }

  std::size_t mask_;
  shard* shards_;
};

TAUT_END_NAMESPACE
