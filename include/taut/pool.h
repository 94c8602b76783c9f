// SPDX-License-Identifier: Apache-2.0
// pool: objects that are costly to make, kept for the next one who needs one.
//
//   taut::pool<buffer> buffers([] { return std::make_unique<buffer>(); });
//   auto b = buffers.get();       // an object that lay in the pool, or a new one
//   b->clear();                   // it comes as its last user left it
//   ...                           // goes back when b dies
//
// Each worker has slots of its own, so that two do not share a cache line; get() takes from others'
// slots before it makes a new object. The slots are bounded: what does not fit is destroyed. Any
// goroutine or thread may call any function at once; nothing blocks. The pool must outlive what
// get() returned.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "taut/detail/functional.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

namespace detail {
// A power of two that fits the number of workers.
TAUT_API std::size_t pool_shards() noexcept;
// A number that differs between workers; any in a thread that is none.
TAUT_API std::size_t pool_shard() noexcept;
}  // namespace detail

// What gives an object away by release(), as std::unique_ptr<T> does (whose header, <memory>, is
// too dear for this one).
template <class Owner, class T>
concept pool_owner = requires(Owner owner) {
  { owner.release() } -> std::same_as<T*>;
};

template <class T>
class pool {
 public:
  // An object on loan, used as a std::unique_ptr is; destroying it puts the object back.
  class pointer {
   public:
    pointer() noexcept = default;
    pointer(pointer&& other) noexcept : object_(other.release()), home_(other.home_) {}
    pointer& operator=(pointer&& other) noexcept {
      reset();
      object_ = other.release();
      home_ = other.home_;
      return *this;
    }
    ~pointer() { reset(); }

    T* get() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    // release() keeps the object out of the pool for good: it is the caller's now, to delete.
    [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }
    // reset() puts the object back.
    void reset() noexcept {
      if (T* object = release()) home_->put_back(object);
    }

   private:
    friend pool;
    pointer(T* object, pool* home) noexcept : object_(object), home_(home) {}
    T* object_ = nullptr;
    pool* home_ = nullptr;
  };

  // pool(make) calls make(), which returns a std::unique_ptr<T>, when it has no object to give.
  template <class Make>
    requires pool_owner<std::invoke_result_t<Make&>, T>
  explicit pool(Make make)
      : make_([make = std::move(make)]() mutable -> T* { return make().release(); }),
        mask_(detail::pool_shards() - 1),
        shards_(new shard[mask_ + 1]) {}
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool() {
    clear();
    delete[] shards_;
  }

  // get() returns an object of the pool, or a new one. Throws what make() throws.
  [[nodiscard]] pointer get() {
    const std::size_t mine = detail::pool_shard();
    for (std::size_t i = 0; i <= mask_; ++i) {
      if (T* object = shards_[(mine + i) & mask_].take()) return pointer(object, this);
    }
    return pointer(make_(), this);
  }
  // put() gives the pool an object, also one it did not make. Destroys it when the pool is full.
  template <pool_owner<T> Owner>
  void put(Owner object) noexcept {
    put_back(object.release());
  }
  void put(std::nullptr_t) noexcept {}
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

  void put_back(T* object) noexcept {
    if (object != nullptr && !shards_[detail::pool_shard() & mask_].keep(object)) delete object;
  }

  std::function<T*()> make_;
  std::size_t mask_;
  shard* shards_;
};

TAUT_END_NAMESPACE
