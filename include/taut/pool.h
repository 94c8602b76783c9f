// SPDX-License-Identifier: Apache-2.0
// pool: objects that are costly to make, kept for the next one who needs one.
//
//   taut::pool<buffer> buffers([] { return std::make_unique<buffer>(); });
//   auto b = buffers.get();       // an object that lay in the pool, or a new one
//   b->clear();                   // it comes as its last user left it
//   ...                           // goes back when b dies
//
// Each worker has slots of its own, so that two do not share a cache line; get() takes from others' slots before it makes a new object. The slots are
// bounded: what does not fit is destroyed. Any goroutine or thread may call any function at once; nothing blocks. The pool must outlive what
// get() returned.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

namespace detail {
// A power of two that fits the number of workers.
TAUT_API std::size_t pool_shards() noexcept;
// A number that differs between workers; any in a thread that is none.
TAUT_API std::size_t pool_shard() noexcept;
}  // namespace detail

template <class T>
class pool {
 public:
  // Destroying it puts the object back.
  class putter {
   public:
    putter() noexcept = default;
    explicit putter(pool* to) noexcept : to_(to) {}
    void operator()(T* object) const noexcept { to_->put(std::unique_ptr<T>(object)); }

   private:
    pool* to_ = nullptr;
  };
  // pointer{}.release() keeps an object out of the pool for good.
  using pointer = std::unique_ptr<T, putter>;

  // pool(make) calls make() when it has no object to give.
  explicit pool(std::function<std::unique_ptr<T>()> make)
      : make_(std::move(make)), mask_(detail::pool_shards() - 1), shards_(new shard[mask_ + 1]) {}
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool() { clear(); }

  // get() returns an object of the pool, or a new one. Throws what make() throws.
  [[nodiscard]] pointer get() {
    const std::size_t mine = detail::pool_shard();
    for (std::size_t i = 0; i <= mask_; ++i) {
      if (T* object = shards_[(mine + i) & mask_].take()) return pointer(object, putter(this));
    }
    return pointer(make_().release(), putter(this));
  }
  // put() gives the pool an object, also one it did not make. Destroys it when the pool is full.
  void put(std::unique_ptr<T> object) noexcept {
    if (object != nullptr && shards_[detail::pool_shard() & mask_].keep(object.get())) {
      static_cast<void>(object.release());
    }
  }
  // clear() destroys the objects that lie in the pool.
  void clear() noexcept {
    for (std::size_t i = 0; i <= mask_; ++i) {
      while (T* object = shards_[i].take()) delete object;
    }
  }

 private:
  struct alignas(128) shard {
    static constexpr int capacity = 15;
    // Objects that lie here; each slot is emptied and filled by one exchange.
    std::atomic<T*> slots[capacity] = {};

    T* take() noexcept {
      for (auto& slot : slots) {
        if (slot.load() == nullptr) continue;
        if (T* object = slot.exchange(nullptr)) return object;
      }
      return nullptr;
    }
    bool keep(T* object) noexcept {
      for (auto& slot : slots) {
        T* none = nullptr;
        if (slot.load() == nullptr && slot.compare_exchange_strong(none, object)) return true;
      }
      return false;
    }
  };

  std::function<std::unique_ptr<T>()> make_;
  std::size_t mask_;
  std::unique_ptr<shard[]> shards_;
};

TAUT_END_NAMESPACE
